// Owns an evaluation from its options to its report (include/deltascape/evaluate.h).
#include "deltascape/evaluate.h"

#include <algorithm>
#include <set>

#include "adapter/fetch.h"
#include "deltascape/error.h"
#include "exec/translated.h"
#include "lm/batches.h"
#include "model/thread_count.h"
#include "store/names.h"
#include "study/evaluator.h"
#include "study/own_examples.h"
#include "study/paired.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using engine::VariantOperators;
using engine::Weights;
using model::Checkpoint;

class Run {
 public:
  // The first two outlive it.
  Run(const EvaluateOptions& options, Progress& progress)
      : options_(options),
        progress_(progress),
        base_(Checkpoint::open(adapter::fetch_model(options.base, progress))),
        data_(study::read_evaluation(options, *base_, progress)),
        shares_(options.memory, *base_, options.precision == "fp64" ? at::kDouble : at::kFloat),
        weights_(base_, options.precision),
        evaluator_(options, data_, base_->path(), shares_.passes),
        own_(options, data_, *base_, shares_.passes) {
    weights_.limit(shares_.weights);
  }

  EvaluateReport all(const std::vector<ModelRef>& models, const std::function<void(const Prediction&)>& told) {
    EvaluateReport report;
    tell(options_.base, base_->notes());
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
        if (e.code() == ErrorCode::kCancelled) throw;
        const bool missing = e.code() == ErrorCode::kNotFound || e.code() == ErrorCode::kIo;
        report.failed.push_back({model.name, model.path, e.what() + (missing ? model.hint : ""), e.code()});
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
    const fs::path path = adapter::fetch_model(model.path, progress_);
    if (adapter::holds_adapter(path)) {
      const auto adapter = adapter::Adapter::open(path, *base_);
      tell(model.name, adapter->notes());
      const auto operators = engine::operators_of(*adapter, base_->spec(), weights_.dtype());
      return one(model, weights_, operators, told, evaluator_of(path, model.name, *base_, operators));
    }
    const auto full = Checkpoint::open(path);
    if (const auto error = model::misfit(*full, *base_)) throw *error;
    tell(model.name, full->notes());
    if (!shares_.two) weights_.forget();
    Weights own(full, options_.precision);
    own.limit(shares_.weights);
    return one(model, own, {}, told, evaluator_of(full->path(), model.name, *full, {}));
  }

  void tell(const std::string& name, const std::vector<std::string>& notes) {
    for (const std::string& note : notes) progress_.note(name + ": " + note);
  }

  // In the tokens of the variant's own tokenizer where it has one that differs.
  const study::Evaluator* evaluator_of(const fs::path& path, const std::string& name, const Checkpoint& weights,
                                       const VariantOperators& variant) {
    return own_.of(path, name, study::table_rows(weights.spec(), variant), progress_);
  }

  // `evaluator`: null for the base's.
  Evaluation one(const ModelRef& model, Weights& weights, const VariantOperators& variant,
                 const std::function<void(const Prediction&)>& told, const study::Evaluator* evaluator = nullptr) {
    if (evaluator == nullptr) evaluator = &evaluator_;
    auto predictions = (*evaluator)(weights, variant, [&](std::int64_t steps) {
      done_ += steps;
      advance(progress_, steps);
    });
    Evaluation out = evaluator->summary(predictions);
    out.name = model.name;
    out.label = model.label;
    if (base_said_.empty()) base_said_ = predictions;  // the base is asked first
    else out.difference = study::difference_of(study::metric_named(options_.metric), predictions, base_said_);
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
  engine::Shares shares_;
  Weights weights_;
  study::Evaluator evaluator_;
  study::OwnExamples own_;
  std::vector<Prediction> base_said_;
  std::int64_t done_ = 0;  // steps of the current model
};

void check_options(const EvaluateOptions& o) {
  study::metric_named(o.metric);
  study::match_named(o.match);
  const auto fail = [](const char* what, const char* field, const std::string& expected, const std::string& found) {
    throw Error(ErrorCode::kUsage, what, {.field = option(field), .expected = expected, .found = found});
  };
  if (o.precision != "fp32" && o.precision != "bf16" && o.precision != "fp64")
    fail("no such precision", "precision", "fp32, bf16 or fp64", o.precision);
  if (o.tokens < 1) fail("too few tokens", "tokens", "at least 1", std::to_string(o.tokens));
  if (o.batch < 1) fail("too small a batch", "batch", "at least 1", std::to_string(o.batch));
  if (o.limit < 0) fail("a negative number of examples", "limit", "0 for all, or more", std::to_string(o.limit));
  if (o.threads < 0) fail("a negative number of threads", "threads", "0 for all, or more", std::to_string(o.threads));
  if (std::ranges::any_of(o.stops, [](const std::string& s) { return s.empty(); }))
    fail("an empty text ends nothing", "stops", "a text", "nothing");
}

}  // namespace

EvaluateReport evaluate(const std::vector<ModelRef>& models, const EvaluateOptions& options,
                        const std::function<void(const Prediction&)>& told, Progress& progress) {
  check_options(options);
  const model::ThreadCount threads(options.threads);
  return engine::translated([&] { return Run(options, progress).all(models, told); });
}

}  // namespace deltascape
