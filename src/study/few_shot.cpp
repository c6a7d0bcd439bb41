#include "study/few_shot.h"

#include <map>
#include <set>

#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::study {
namespace {

// Says which of several trainings a stage belongs to.
class Named final : public Progress {
 public:
  Named(Progress& progress, std::string name) : progress_(progress), name_(std::move(name)) {}
  void begin(std::string_view stage, std::int64_t total) override {
    progress_.begin(name_ + ": " + std::string(stage), total);
  }
  void advance(std::int64_t steps) override { progress_.advance(steps); }
  void detail(std::string_view words) override { progress_.detail(words); }
  void note(std::string_view line) override { progress_.note(line); }
  bool cancelled() override { return progress_.cancelled(); }

 private:
  Progress& progress_;
  std::string name_;
};

}  // namespace

void require_names(const std::vector<TaskExamples>& tasks) {
  std::set<std::string> names;
  for (const TaskExamples& task : tasks) {
    if (task.name.empty() || task.name.find('/') != std::string::npos)
      throw Error(ErrorCode::kUsage, "a task's name is a word", {.field = task.name});
    if (!names.insert(task.name).second)
      throw Error(ErrorCode::kUsage, "two tasks have the same name: give their files different ones",
                  {.field = task.name});
  }
}

std::string place_of(std::size_t index, std::size_t count) {
  return " (" + std::to_string(index + 1) + " of " + std::to_string(count) + ")";
}

std::optional<TrainReport> train_once(const TrainOptions& options, const std::string& name, Progress& progress) {
  if (io::exists(options.out)) return {};
  Named named(progress, name);
  return train(options, named);
}

std::vector<FewShotRun> train_few_shots(const std::vector<TaskExamples>& tasks, const TrainOptions& training,
                                        int repeats, const std::filesystem::path& folder, Progress& progress) {
  std::vector<FewShotRun> out;
  const std::size_t all = tasks.size() * static_cast<std::size_t>(repeats);
  for (const TaskExamples& task : tasks)
    for (int repeat = 0; repeat < repeats; ++repeat) {
      const std::string name = repeat == 0 ? task.name : task.name + "/" + std::to_string(repeat + 1);
      TrainOptions options = training;
      options.data = task.file;
      options.out = (folder / (task.name + "-" + std::to_string(repeat + 1))).string();
      options.seed = training.seed + static_cast<std::uint64_t>(repeat);
      TrainReport report = train_once(options, name + place_of(out.size(), all), progress).value_or(TrainReport{});
      out.push_back({.task = task.name,
                     .adapter = {.path = options.out, .label = task.name, .name = name},
                     .report = std::move(report)});
    }
  return out;
}

std::vector<store::Record> embed_all(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                     Progress& progress) {
  std::map<std::string, store::Record> by_path;
  const EmbedReport report = embed(
      models, options, [&](store::Record record) { by_path[record.path] = std::move(record); }, progress);
  if (!report.failed.empty()) throw Error(ErrorCode::kInternal, report.failed.front().error);
  std::vector<store::Record> out;
  for (const ModelRef& model : models) out.push_back(by_path.at(model.path));
  return out;
}

}  // namespace deltascape::study
