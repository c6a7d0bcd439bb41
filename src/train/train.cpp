// Owns a training run from its options to its result: the loop over steps, and when states are kept.
#include "deltascape/train.h"

#include <chrono>
#include <cmath>

#include "adapter/adapter.h"
#include "adapter/fetch.h"
#include "core/random.h"
#include "deltascape/error.h"
#include "exec/translated.h"
#include "model/thread_count.h"
#include "train/objective.h"
#include "train/optimiser.h"
#include "train/options.h"
#include "train/plan.h"
#include "train/run_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
namespace t = training;

io::Json settings_of(const TrainOptions& options, const t::Examples& examples, const model::Checkpoint& base,
                     const fs::path& init) {
  io::Json out = t::deciding(options);
  out["base"] = base.identity();
  out["data"] = examples.hash;
  out["--init"] = init.empty() ? "" : adapter::Adapter::open(init, base)->content_hash();
  out["program"] = DELTASCAPE_VERSION;
  return out;
}

double loss_in(const std::string& log_line) { return io::parse_json(log_line, "train_log.jsonl").at("loss"); }

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(Now::now() - start_).count(); }

 private:
  using Now = std::chrono::steady_clock;
  Now::time_point start_ = Now::now();
};

class Run {
 public:
  // `options` outlive the run.
  Run(const TrainOptions& options, Progress& progress)
      : options_(options),
        progress_(progress),
        folder_(options.out),
        base_(model::Checkpoint::open(adapter::fetch_model(options.base, progress))),
        weights_(base_, options.precision),
        examples_(t::read_examples(options, *base_, options.method == "prefix" ? options.virtual_tokens : 0, progress)),
        plan_(options, examples_.rows.size()),
        schedule_{options.schedule, options.learning_rate,
                  static_cast<std::int64_t>(std::ceil(options.warmup * static_cast<double>(plan_.steps()))),
                  plan_.steps()} {
    weights_.limit(options.memory);
    for (const std::string& note : base_->notes()) progress.note(options.base + ": " + note);
    const fs::path init = options.init.empty() ? fs::path() : adapter::fetch_model(options.init, progress);
    method_ = t::method_named(options.method).make({options, weights_, init, examples_.rows});
    optimiser_.emplace(options, method_->parameters());
    objective_ =
        options.loss == "dpo" ? t::preferences(weights_, examples_, options.beta) : t::supervised(weights_, examples_);
    settings_ = settings_of(options, examples_, *base_, init);
    for (std::size_t i = 0; i < method_->parameters().size(); ++i) {
      const auto& [name, value] = method_->parameters()[i];
      const t::AdamW::Moments& moments = optimiser_->moments()[i];
      state_.tensors.emplace_back("value:" + name, value.detach());
      state_.tensors.emplace_back("mean:" + name, moments.mean);
      state_.tensors.emplace_back("square:" + name, moments.square);
    }
    for (const auto& kept : objective_->kept()) state_.tensors.push_back(kept);
  }

  TrainReport all() {
    TrainReport report{.out = options_.out,
                       .examples = static_cast<std::int64_t>(examples_.rows.size()),
                       .skipped = examples_.skipped,
                       .steps = plan_.steps()};
    report.resumed_at = resume_or_begin();
    progress_.begin("training", plan_.steps() - state_.step);
    const Clock clock;
    double saved = 0;
    while (state_.step < plan_.steps()) {
      report.tokens += step();
      tell(static_cast<double>(report.tokens) / clock.seconds());
      if (progress_.cancelled()) {
        folder_.save(settings_, state_);
        throw Error(ErrorCode::kCancelled, "cancelled; repeat the call to resume from here", {.path = options_.out});
      }
      if (clock.seconds() - saved < options_.checkpoint_seconds && state_.step < plan_.steps()) continue;
      folder_.save(settings_, state_);
      saved = clock.seconds();
    }
    report.seconds = clock.seconds();
    report.first_loss = loss_in(state_.log.substr(0, state_.log.find('\n')));
    report.last_loss = loss_in(last_line());
    folder_.finish(state_.log, *method_);
    return report;
  }

 private:
  std::int64_t resume_or_begin() {
    if (options_.restart) folder_.forget();
    if (folder_.resume(settings_, state_)) {
      optimiser_->resume_at(state_.step);
      progress_.note("resuming after step " + std::to_string(state_.step) + " of " + std::to_string(plan_.steps()));
    } else {
      objective_->begin(options_.init.empty() ? t::Variant() : method_->variant(), plan_, progress_);
    }
    return state_.step;
  }

  // Returns how many tokens it has read.
  std::int64_t step() {
    const auto passes = plan_.passes(state_.step);
    std::int64_t count = 0, tokens = 0;
    for (const auto& rows : passes) count += objective_->count(rows), tokens += t::tokens_read(examples_, rows);
    double loss = 0;
    Random masks(options_.seed, Purpose::kDropout, static_cast<std::uint64_t>(state_.step));
    for (const auto& rows : passes) {
      const t::Variant variant = method_->variant();
      const at::Tensor part = objective_->loss({variant, rows, {options_.dropout, masks.next(), options_.recompute}}) /
                              static_cast<double>(count);
      loss += part.item<double>();
      part.backward();
    }
    const double rate = schedule_.at(state_.step);
    const double norm = optimiser_->step(rate);
    if (!std::isfinite(loss) || !std::isfinite(norm))
      throw Error(ErrorCode::kNumeric, "loss or gradient became NaN or Inf: lower " + option("learning_rate"),
                  {.path = options_.out, .field = "step " + std::to_string(state_.step + 1)});
    const io::Json line = {{"step", state_.step + 1},
                           {"epoch", plan_.epoch_after(state_.step)},
                           {"loss", loss},
                           {"learning_rate", rate},
                           {"gradient_norm", norm},
                           {"tokens", tokens}};
    state_.log += line.dump() + "\n";
    ++state_.step;
    return tokens;
  }

  std::string last_line() const { return state_.log.substr(state_.log.rfind('\n', state_.log.size() - 2) + 1); }

  void tell(double tokens_a_second) {
    char text[80];
    std::snprintf(text, sizeof text, "loss %.4f  %.0f tokens/s", loss_in(last_line()), tokens_a_second);
    progress_.detail(text);
    progress_.advance(1);
  }

  const TrainOptions& options_;
  Progress& progress_;
  t::RunFolder folder_;
  std::shared_ptr<const model::Checkpoint> base_;
  engine::Weights weights_;
  t::Examples examples_;
  t::Plan plan_;
  t::Schedule schedule_;
  std::unique_ptr<t::Method> method_;
  std::optional<t::AdamW> optimiser_;
  std::unique_ptr<t::Objective> objective_;
  io::Json settings_;
  t::State state_;
};

}  // namespace

TrainReport train(const TrainOptions& given, Progress& progress) {
  TrainOptions options = given;
  if (options.base_name.empty()) options.base_name = options.base;
  t::check_options(options);
  const model::ThreadCount threads(options.threads);
  return engine::translated([&] { return Run(options, progress).all(); });
}

}  // namespace deltascape
