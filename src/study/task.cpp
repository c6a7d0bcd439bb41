// Owns the ranking of variants by tasks of a few examples (include/deltascape/task.h).
#include "deltascape/task.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/layer_choice.h"
#include "core/temporary_folder.h"
#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "landscape/ranking.h"
#include "store/store.h"
#include "study/controls.h"
#include "study/few_shot.h"
#include "train/rows.h"

namespace deltascape {
namespace {

using store::Record;

void check(const std::vector<Record>& members, const TaskOptions& options) {
  const auto refuse = [](const std::string& message, const std::string& field = {}) {
    throw Error(ErrorCode::kUsage, message, {.field = field});
  };
  if (members.empty()) refuse("there are no variants to rank: embed some first");
  if (options.tasks.empty()) refuse("no examples to stand for a task");
  if (options.repeats < 1) refuse("a task takes at least one run", "repeat");
  if (options.calibrate && options.controls_file.empty()) refuse("control runs need a store to be kept in", "controls");
  std::set<std::string> names;
  for (const TaskExamples& task : options.tasks) {
    if (task.name.empty() || task.name.find('/') != std::string::npos) refuse("a task's name is a word", task.name);
    if (!names.insert(task.name).second)
      refuse("two tasks have the same name: give their files different ones", task.name);
  }
  store::require_comparable(members);
}

EmbedOptions embedding_of(const TaskOptions& options, const Record& member) {
  return {.base = options.base,
          .representation = member.comparable.representation,
          .layer = member.comparable.layer,
          .position = member.comparable.position,
          .probes_file = options.probes_file,
          .precision = member.precision == "bf16" ? "bf16" : options.precision,
          .memory = options.memory,
          .threads = options.threads};
}

// Before minutes of training: would the runs' rows compare with the members'?
void require_same_provenance(const Record& member, const EmbedOptions& embedding) {
  Record ours = member;
  ours.name = "the task";
  ours.comparable = provenance(embedding);
  store::require_comparable({member, ours});
}

// The row that is compared; empty where members have only one.
landscape::Row row_of(const std::string& layer, const Record& member) {
  const std::int64_t last = member.layers - 1;
  const auto refuse = [&](const std::string& expected) {
    throw Error(ErrorCode::kUsage, "the store has no rows of this layer (`embed --layer all` keeps every one)",
                {.path = {}, .field = "layer", .expected = expected, .found = layer});
  };
  if (member.comparable.layer != "all") {
    const std::optional<LayerChoice> choice = read_layer(layer);
    if (!layer.empty() && !(choice && choice->is(member.comparable.layer))) refuse(member.comparable.layer);
    return std::nullopt;
  }
  if (layer.empty()) return usual_task_layer(last);
  const std::optional<LayerChoice> choice = read_layer(layer);
  const std::optional<std::int64_t> row = choice ? choice->row(last) : std::nullopt;
  if (!row || choice->kind == LayerChoice::Kind::kBeforeNorm)
    refuse("last, 0 to " + std::to_string(last) + ", or a fraction as 0.5");
  return *row;
}

// Everything that is trained and embedded for the tasks of one call.
class TaskRun {
 public:
  TaskRun(const TaskOptions& options, const Record& member, Progress& progress)
      : options_(options), progress_(progress), embedding_(embedding_of(options, member)), training_(options.training) {
    training_.base = options.base;
    training_.threads = options.threads;
    training_.memory = options.memory;
    training_.max_examples = 0;
    require_same_provenance(member, embedding_);
    for (const TaskExamples& task : options.tasks)
      examples_.push_back(std::ssize(training::read_rows(task.file, training::RowKind::kCompletion)));
    if (options.calibrate)
      controls_ = study::kept_controls(options.controls_file, study::control_key(training_), member);
  }

  void train_and_embed(TaskReport& report);

  std::vector<Record> runs_of(const std::string& task) const {
    std::vector<Record> out;
    for (std::size_t i = 0; i < runs_.size(); ++i)
      if (runs_[i].task == task) out.push_back(records_[i]);
    return out;
  }
  TaskRanking summary_of(std::size_t task) const {
    TaskRanking out{.name = options_.tasks[task].name, .examples = examples_[task], .ranking = {}};
    for (const study::FewShotRun& run : runs_) {
      if (run.task != out.name) continue;
      out.first_loss += run.report.first_loss / options_.repeats;
      out.last_loss += run.report.last_loss / options_.repeats;
    }
    return out;
  }
  const std::vector<Record>& controls() const { return controls_; }

 private:
  std::vector<study::FewShotRun> train_missing_controls(const std::filesystem::path& folder);

  const TaskOptions& options_;
  Progress& progress_;
  const EmbedOptions embedding_;
  TrainOptions training_;
  std::vector<std::int64_t> examples_;   // of each task
  std::vector<study::FewShotRun> runs_;  // of all tasks
  std::vector<Record> records_;          // one a run
  std::vector<Record> controls_;
};

std::vector<study::FewShotRun> TaskRun::train_missing_controls(const std::filesystem::path& folder) {
  std::vector<TaskExamples> missing = study::write_controls(folder);
  std::erase_if(missing, [&](const TaskExamples& control) {
    return std::ranges::any_of(controls_, [&](const Record& kept) { return kept.name == control.name; });
  });
  return study::train_few_shots(missing, training_, 1, folder, progress_);
}

void TaskRun::train_and_embed(TaskReport& report) {
  const TemporaryFolder folder("task");
  const std::filesystem::path control_folder = folder.path() / "controls", task_folder = folder.path() / "tasks";
  std::filesystem::create_directory(control_folder);
  std::filesystem::create_directory(task_folder);
  runs_ = study::train_few_shots(options_.tasks, training_, options_.repeats, task_folder, progress_);
  std::vector<study::FewShotRun> new_controls;
  if (options_.calibrate) new_controls = train_missing_controls(control_folder);

  std::vector<ModelRef> adapters;
  for (const auto* list : {&runs_, &new_controls})
    for (const study::FewShotRun& run : *list) adapters.push_back(run.adapter);
  records_ = study::embed_all(adapters, embedding_, progress_);
  for (std::size_t i = runs_.size(); i < records_.size(); ++i) {
    study::keep_control(options_.controls_file, study::control_key(training_), records_[i]);
    controls_.push_back(records_[i]);
  }
  records_.resize(runs_.size());
  report.trained_controls = new_controls.size();
  report.controls = controls_.size();
}

}  // namespace

TrainOptions few_shot_training() {
  TrainOptions options;
  options.learning_rate = 1e-3;
  options.batch = 4;
  options.accumulation = 1;
  options.epochs = 3;
  options.max_examples = 0;
  options.max_tokens = 512;
  options.long_examples = "truncate";
  return options;
}

TaskReport rank_by_task(const std::vector<Record>& members, const TaskOptions& options, Progress& progress) {
  check(members, options);
  const landscape::Row row = row_of(options.layer, members.front());
  TaskRun run(options, members.front(), progress);
  TaskReport report;
  run.train_and_embed(report);
  report.layer = row ? std::to_string(*row) : members.front().comparable.layer;
  for (std::size_t t = 0; t < options.tasks.size(); ++t) {
    TaskRanking task = run.summary_of(t);
    task.ranking = landscape::rank(members, {.runs = run.runs_of(task.name), .controls = run.controls()}, row);
    report.tasks.push_back(std::move(task));
  }
  return report;
}

}  // namespace deltascape
