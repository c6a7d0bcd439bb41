// Owns an evaluation from its options to its report (include/deltascape/evaluate.h).
#include "deltascape/evaluate.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <set>

#include "core/machine.h"
#include "deltascape/error.h"
#include "engine/translated.h"
#include "hub/fetch.h"
#include "store/names.h"
#include "study/evaluator.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using engine::VariantOperators;
using engine::Weights;
using model::Checkpoint;

// How the budget is shared: weights first, but passes keep a quarter.
struct Shares {
  std::size_t weights, passes;
  bool two;  // whether two models' weights have room beside each other
  Shares(const EvaluateOptions& o, const Checkpoint& base) {
    const std::size_t all = o.memory > 0 ? o.memory : available_memory() / 2;
    const std::size_t needed = base.parameters() * (o.precision == "fp64" ? 8 : 4);
    weights = std::max<std::size_t>(1, std::min(needed, all / 4 * 3));
    two = needed <= all / 8 * 3;
    const std::size_t held = two ? 2 * weights : weights;
    passes = all > held ? all - held : 0;
  }
};

class Run {
 public:
  // The first two outlive it.
  Run(const EvaluateOptions& options, Progress& progress)
      : options_(options),
        progress_(progress),
        base_(Checkpoint::open(hub::fetch_path(options.base, progress))),
        data_(study::read_evaluation(options, *base_, progress)),
        shares_(options, *base_),
        weights_(base_, options.precision),
        evaluator_(options, data_, *base_, shares_.passes) {
    weights_.limit(shares_.weights);
  }

  EvaluateReport all(const std::vector<ModelRef>& models, const std::function<void(const Prediction&)>& told) {
    EvaluateReport report;
    progress_.begin("evaluating", evaluator_.steps() * (static_cast<std::int64_t>(models.size()) + 1));
    report.results.push_back(one({.path = options_.base, .name = kBase}, weights_, {}, told));
    std::set<std::string> taken{kBase};
    for (ModelRef model : models) {
      model.name = name_of(model, taken);
      taken.insert(model.name);
      done_ = 0;
      try {
        engine::translated([&] { report.results.push_back(variant(model, told)); });
      } catch (const Error& e) {
        const bool missing = e.code() == ErrorCode::kNotFound || e.code() == ErrorCode::kIo;
        report.failed.push_back({model.name, model.path, e.what() + (missing ? model.hint : "")});
        progress_.advance(evaluator_.steps() - done_);
      }
    }
    return report;
  }

 private:
  static constexpr const char* kBase = "base";

  static std::string name_of(const ModelRef& model, const std::set<std::string>& taken) {
    const auto is_taken = [&](const std::string& name) { return taken.contains(name); };
    if (!model.name.empty() && !is_taken(model.name)) return model.name;
    return store::unique_name(model.path, is_taken);
  }

  Evaluation variant(const ModelRef& model, const std::function<void(const Prediction&)>& told) {
    const fs::path path = hub::fetch_path(model.path, progress_);
    if (adapter::holds_adapter(path)) {
      const auto adapter = adapter::Adapter::open(path, *base_);
      return one(model, weights_, engine::operators_of(*adapter, base_->spec(), weights_.dtype()), told);
    }
    const auto full = Checkpoint::open(path);
    if (const auto error = model::misfit(*full, *base_)) throw *error;
    if (!shares_.two) weights_.forget();
    Weights own(full, options_.precision);
    own.limit(shares_.weights);
    return one(model, own, {}, told);
  }

  Evaluation one(const ModelRef& model, Weights& weights, const VariantOperators& variant,
                 const std::function<void(const Prediction&)>& told) {
    auto predictions = evaluator_(weights, variant, [&](std::int64_t steps) {
      done_ += steps;
      progress_.advance(steps);
    });
    Evaluation out = evaluator_.summary(predictions);
    out.name = model.name;
    out.label = model.label;
    for (Prediction& p : predictions) {
      p.name = model.name;
      if (told) told(p);
    }
    return out;
  }

  const EvaluateOptions& options_;
  Progress& progress_;
  std::shared_ptr<const Checkpoint> base_;
  study::EvaluationData data_;
  Shares shares_;
  Weights weights_;
  study::Evaluator evaluator_;
  std::int64_t done_ = 0;  // steps of the current model
};

void check_options(const EvaluateOptions& o) {
  study::metric_named(o.metric);
  study::match_named(o.match);
  const auto fail = [](const char* what, const char* field, const std::string& expected, const std::string& found) {
    throw Error(ErrorCode::kUsage, what, {.field = field, .expected = expected, .found = found});
  };
  if (o.precision != "fp32" && o.precision != "bf16" && o.precision != "fp64")
    fail("no such precision", "--precision", "fp32, bf16 or fp64", o.precision);
  if (o.tokens < 1) fail("too few tokens", "--tokens", "at least 1", std::to_string(o.tokens));
  if (o.batch < 1) fail("too small a batch", "--batch", "at least 1", std::to_string(o.batch));
  if (o.limit < 0) fail("a negative number of examples", "--limit", "0 for all, or more", std::to_string(o.limit));
  if (o.threads < 0) fail("a negative number of threads", "--threads", "0 for all, or more", std::to_string(o.threads));
  if (std::ranges::any_of(o.stops, [](const std::string& s) { return s.empty(); }))
    fail("an empty text ends nothing", "--stop", "a text", "nothing");
}

}  // namespace

EvaluateReport evaluate(const std::vector<ModelRef>& models, const EvaluateOptions& options,
                        const std::function<void(const Prediction&)>& told, Progress& progress) {
  check_options(options);
  at::set_num_threads(threads_to_use(options.threads));
  return engine::translated([&] { return Run(options, progress).all(models, told); });
}

}  // namespace deltascape
