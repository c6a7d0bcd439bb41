// Owns the ranking of variants by tasks of a few examples (include/deltascape/task.h).
#include "deltascape/task.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "core/layer_choice.h"
#include "core/temporary_folder.h"
#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "deltascape/spaces_of.h"
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
  if ((options.calibrate || options.judge) && options.controls_file.empty())
    refuse("control runs need a store to be kept in", "controls");
  study::require_names(options.tasks);
  store::require_comparable(members);
}

EmbedOptions embedding_of(const TaskOptions& options, const Record& member) {
  return embedding_in(member.space, {.base = options.base,
                                     .probes_file = options.probes_file,
                                     .precision = options.precision,
                                     .memory = options.memory,
                                     .threads = options.threads});
}

// Before minutes of training: would the runs' rows compare with the members'?
void require_same_provenance(const Record& member, const EmbedOptions& embedding) {
  Record ours = member;
  ours.name = "the task";
  ours.precision = embedding.precision;
  ours.space = provenance(embedding);
  store::require_comparable({member, ours});
}

// The row that is compared; empty where members have only one.
landscape::Row row_of(const std::string& layer, const Record& member) {
  const std::int64_t last = member.layers - 1;
  const auto refuse = [&](const std::string& expected) {
    throw Error(ErrorCode::kUsage,
                "the store has no rows of this layer (`embed " + option("layer") + " all` keeps every one)",
                {.path = {}, .field = "layer", .expected = expected, .found = layer});
  };
  if (member.space.parameter("layer") != "all") {
    const std::optional<LayerChoice> choice = read_layer(layer);
    if (!layer.empty() && !(choice && choice->is(member.space.parameter("layer"))))
      refuse(member.space.parameter("layer"));
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
    if (with_controls()) controls_ = study::kept_controls(options.controls_file, study::control_key(training_), member);
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
  // Error bars of the nearest members of every task, whose rows of all layers have no deltas a probe: they and the
  // runs are embedded once more, at this row alone. Members that are no longer where or what they were have none.
  void add_bars(TaskReport& report, const std::vector<Record>& members, std::int64_t row);

 private:
  bool with_controls() const { return options_.calibrate || options_.judge; }
  std::vector<study::FewShotRun> train_missing_controls(const std::filesystem::path& folder);

  const TaskOptions& options_;
  Progress& progress_;
  const EmbedOptions embedding_;
  TrainOptions training_;
  std::vector<std::int64_t> examples_;   // of each task
  std::vector<study::FewShotRun> runs_;  // of all tasks
  std::vector<Record> records_;          // one a run
  std::vector<Record> controls_;
  std::optional<TemporaryFolder> folder_;  // the adapters lie here
};

std::vector<study::FewShotRun> TaskRun::train_missing_controls(const std::filesystem::path& folder) {
  std::vector<TaskExamples> missing = study::write_controls(folder);
  std::erase_if(missing, [&](const TaskExamples& control) {
    return std::ranges::any_of(controls_, [&](const Record& kept) { return kept.name == control.name; });
  });
  return study::train_few_shots(missing, training_, 1, folder, progress_);
}

void TaskRun::train_and_embed(TaskReport& report) {
  folder_.emplace("task");
  const std::filesystem::path control_folder = folder_->path() / "controls", task_folder = folder_->path() / "tasks";
  std::filesystem::create_directory(control_folder);
  std::filesystem::create_directory(task_folder);
  runs_ = study::train_few_shots(options_.tasks, training_, options_.repeats, task_folder, progress_);
  std::vector<study::FewShotRun> new_controls;
  if (with_controls()) new_controls = train_missing_controls(control_folder);

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
  report.controls = options_.calibrate ? controls_.size() : 0;
}

// One row of a record of all layers, beside records that were embedded at that row alone.
Record only_row(Record record, std::int64_t row, const std::string& layer) {
  const std::span<const float> values = landscape::embedding(record, row);
  record.mean = std::vector<float>(values.begin(), values.end());
  record.layers = 1;
  record.space.parameters["layer"] = layer;
  record.standard_error.clear();
  return record;
}

// What is stored under these paths, embedded at one layer; by path.
std::map<std::string, Record> embedded(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                       Progress& progress) {
  std::map<std::string, Record> out;
  embed(
      models, options, [&](Record record) { out.insert_or_assign(record.path, std::move(record)); }, progress);
  return out;
}

// The scores' bars of `exact`, around the scores that are there.
void move_bars(std::vector<RankedVariant>& ranking, const std::vector<RankedVariant>& exact) {
  for (const RankedVariant& e : exact) {
    const auto variant = std::ranges::find(ranking, e.name, &RankedVariant::name);
    if (variant == ranking.end() || !variant->score || !e.score || !e.low || !e.high) continue;
    variant->low = std::max(-1.0, *variant->score - (*e.score - *e.low));
    variant->high = std::min(1.0, *variant->score + (*e.high - *e.score));
  }
}

// Holds plain cosines against those of the control runs. Calibrated ones would not do: each control would lack itself
// in the direction that is taken off it, and what is left of them scatters so widely that true matches drown in it.
void judge(TaskRanking& task, const std::vector<RankedVariant>& plain, const std::vector<double>& chance) {
  if (plain.empty() || !plain.front().score) return;
  std::map<std::string, std::optional<double>> scores;
  for (const RankedVariant& variant : plain) scores[variant.name] = variant.score;
  for (RankedVariant& variant : task.ranking)
    if (const std::optional<double> score = scores[variant.name]) variant.p = landscape::chance_of(*score, chance);
  task.best = *plain.front().score;
  task.p = landscape::chance_of(task.best, chance);
}

void TaskRun::add_bars(TaskReport& report, const std::vector<Record>& members, std::int64_t row) {
  EmbedOptions at_row = embedding_;
  at_row.layer = row == members.front().layers - 1 ? "last" : std::to_string(row);
  std::set<std::string> wanted;
  for (const TaskRanking& task : report.tasks)
    for (std::size_t i = 0; i < std::min(options_.bars, task.ranking.size()); ++i)
      if (task.ranking[i].score) wanted.insert(task.ranking[i].name);
  std::vector<ModelRef> models;
  for (const study::FewShotRun& run : runs_) models.push_back(run.adapter);
  std::error_code unseen;
  for (const Record& member : members)
    if (wanted.contains(member.name) && std::filesystem::exists(member.path, unseen))
      models.push_back({.path = member.path, .label = member.label, .name = member.name});
  if (models.size() == runs_.size()) return;
  const std::map<std::string, Record> found = embedded(models, at_row, progress_);

  std::vector<Record> nearest, controls;
  for (const Record& member : members) {
    const auto again = found.find(member.path);
    if (!wanted.contains(member.name) || again == found.end() || again->second.variant_hash != member.variant_hash)
      continue;
    nearest.push_back(again->second);
    nearest.back().name = member.name;
  }
  if (nearest.empty()) return;
  if (options_.calibrate)
    for (const Record& control : controls_)
      controls.push_back(only_row(control, row, nearest.front().space.parameter("layer")));
  for (TaskRanking& task : report.tasks) {
    landscape::TaskRuns runs{.runs = {}, .controls = controls};
    for (const study::FewShotRun& run : runs_)
      if (const auto again = found.find(run.adapter.path); run.task == task.name && again != found.end())
        runs.runs.push_back(again->second);
    if (!runs.runs.empty()) move_bars(task.ranking, landscape::rank(nearest, runs));
  }
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

std::vector<store::Record> task_members(const store::Store& store, const std::vector<std::string>& where,
                                        const store::SpaceChoice& choice, TaskOptions& options) {
  std::vector<store::StoredSpace> spaces = store::stored_of(store::choose(store.spaces({.where = where}), choice));
  if (spaces.size() > 1 || (!spaces.empty() && !options.layer.empty())) {
    // The base's depth says which layer a fraction is.
    std::vector<store::StoredSpace> own =
        spaces_of({.base = options.base, .layer = options.layer, .probes_file = options.probes_file}, spaces);
    if (!own.empty() && own.front().layers == 1 && !options.layer.empty())
      options.layer = own.front().space.parameter("layer");
    if (!own.empty()) spaces = std::move(own);
  }
  const std::optional<store::ChosenSpace> space = store::only_one(store::choose(std::move(spaces), {}));
  if (!space) return {};
  return store.records(*store::within({.where = where}, {*space}));
}

TaskReport rank_by_task(const std::vector<Record>& members, const TaskOptions& options, Progress& progress) {
  check(members, options);
  const landscape::Row row = row_of(options.layer, members.front());
  TaskRun run(options, members.front(), progress);
  TaskReport report;
  run.train_and_embed(report);
  report.layer = row ? std::to_string(*row) : members.front().space.parameter("layer");
  if (options.judge) report.chance = landscape::chance_scores(members, run.controls(), row);
  const std::vector<Record> taken_off = options.calibrate ? run.controls() : std::vector<Record>();
  for (std::size_t t = 0; t < options.tasks.size(); ++t) {
    TaskRanking task = run.summary_of(t);
    const std::vector<Record> runs = run.runs_of(task.name);
    task.ranking = landscape::rank(members, {.runs = runs, .controls = taken_off}, row);
    if (options.judge)
      judge(task, options.calibrate ? landscape::rank(members, {.runs = runs, .controls = {}}, row) : task.ranking,
            report.chance);
    report.tasks.push_back(std::move(task));
  }
  if (row && options.bars > 0) run.add_bars(report, members, *row);
  return report;
}

}  // namespace deltascape
