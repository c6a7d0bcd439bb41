#include "study/benchmark_pool.h"

#include <functional>

#include "adapter/fetch.h"
#include "io/file.h"
#include "study/made_adapters.h"

namespace deltascape::study {
namespace {

namespace fs = std::filesystem;

class Pool {
 public:
  explicit Pool(const Studied& studied)
      : studied_(studied),
        asked_(*studied.options.questions.benchmark),
        splits_(static_cast<std::size_t>(studied.options.splits)),
        base_(model::Checkpoint::open(adapter::fetch_model(studied.options.base, studied.progress))) {}

  std::vector<Entrant> operator()() {
    for (const ModelRef& model : studied_.pool) out_.push_back({model, model.name});
    for (std::size_t domain = 0; domain < studied_.options.domains.size(); ++domain) {
      for (const StudyTraining& training : asked_.members) train(training, domain);
      for (const std::int64_t steps : asked_.checkpoints) shorter(steps, domain);
      if (asked_.continued) go_on(domain);
      if (asked_.merged && splits_ > 1) merge(domain);
      if (asked_.copies) copy(domain);
      if (asked_.random) control(domain);
    }
    return std::move(out_);
  }

 private:
  std::size_t first(std::size_t domain) const { return domain * splits_; }
  const Part& part(std::size_t domain) const { return studied_.parts.splits[first(domain)]; }

  void train(const StudyTraining& training, std::size_t domain) {
    const Part& data = part(domain);
    ModelRef model = studied_
                         .train(training.training, {.name = data.domain,
                                                    .label = data.domain,
                                                    .file = write_first(data, training.examples),
                                                    .folder = folder_of("benchmark", training),
                                                    .seed = fresh_seed(studied_.options, domain)})
                         .model;
    model.name = data.domain + ", " + training.name;
    out_.push_back({model, model.name});
  }

  // A state of the pool's own run: the same seed and order, fewer steps.
  void shorter(std::int64_t steps, std::size_t domain) {
    StudyTraining training{.name = "steps " + std::to_string(steps), .training = studied_.options.training};
    training.training.max_steps = steps;
    ModelRef model = studied_
                         .train(training.training, {.name = part(domain).domain,
                                                    .label = part(domain).domain,
                                                    .file = part(domain).file,
                                                    .folder = folder_of("benchmark", training),
                                                    .seed = studied_.options.training.seed + first(domain)})
                         .model;
    model.name = part(domain).domain + ", " + training.name;
    out_.push_back({model, studied_.pool[first(domain)].name});
  }

  // The domain's first adapter, trained further on the next domain: of that domain, and of this lineage.
  void go_on(std::size_t domain) {
    const Part& next = part((domain + 1) % studied_.options.domains.size());
    StudyTraining training{.name = "continued", .training = studied_.options.training};
    const ModelRef& parent = studied_.pool[first(domain)];
    training.training.init = parent.path;
    ModelRef model = studied_
                         .train(training.training, {.name = part(domain).domain + "-then-" + next.domain,
                                                    .label = next.domain,
                                                    .file = next.file,
                                                    .folder = fs::path("questions") / "benchmark" / "continued",
                                                    .seed = fresh_seed(studied_.options, domain)})
                         .model;
    out_.push_back({std::move(model), parent.name});
  }

  // Of the domain's first two splits.
  void merge(std::size_t domain) {
    const ModelRef &one = studied_.pool[first(domain)], &other = studied_.pool[first(domain) + 1];
    ModelRef model =
        made("merged", domain, [&](const fs::path& out) { write_mean_of(one.path, other.path, *base_, out); });
    out_.push_back({std::move(model), one.name});
  }
  void copy(std::size_t domain) {
    const ModelRef& of = studied_.pool[first(domain)];
    ModelRef model = made("copy", domain, [&](const fs::path& out) { write_resaved(of.path, *base_, out); });
    out_.push_back({std::move(model), of.name, true});
  }
  void control(std::size_t domain) {
    const ModelRef& like = studied_.pool[first(domain)];
    const std::uint64_t seed = fresh_seed(studied_.options, domain);
    ModelRef model =
        made("random", domain, [&](const fs::path& out) { write_random_like(like.path, *base_, seed, out); });
    model.label.clear();
    out_.push_back({model, model.name});
  }

  ModelRef made(const std::string& kind, std::size_t domain, const std::function<void(const fs::path&)>& write) const {
    const fs::path folder = fs::path(studied_.options.adapters) / "questions" / "benchmark" / kind;
    fs::create_directories(folder);
    const std::string& label = part(domain).domain;
    const fs::path out = folder / label;
    if (!io::exists(out)) write(out);
    return {.path = out.string(), .label = label, .name = label + ", " + kind};
  }

  const Studied& studied_;
  const StudyBenchmark& asked_;
  std::size_t splits_;
  std::shared_ptr<const model::Checkpoint> base_;
  std::vector<Entrant> out_;
};

}  // namespace

std::vector<Entrant> benchmark_pool(const Studied& studied) { return Pool(studied)(); }

std::size_t benchmark_trainings(const StudyOptions& options) {
  const StudyBenchmark& asked = *options.questions.benchmark;
  return options.domains.size() * (asked.members.size() + asked.checkpoints.size() + (asked.continued ? 1 : 0));
}

}  // namespace deltascape::study
