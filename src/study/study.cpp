// Owns the run of a study (include/deltascape/study.h): data, adapters, embeddings, measures.
#include "deltascape/study.h"

#include <filesystem>
#include <set>

#include "deltascape/embed.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "landscape/silhouette.h"
#include "store/store.h"
#include "study/controls.h"
#include "study/few_shot.h"
#include "study/question.h"
#include "study/representations.h"
#include "study/retrieval.h"
#include "study/study_data.h"
#include "study/study_file.h"
#include "study/trainer.h"
#include "train/options.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& field, const std::string& message) {
  throw Error(ErrorCode::kUsage, message, {.field = field});
}

std::vector<StudyTraining> every_training(const StudyQuestions& questions) {
  std::vector<StudyTraining> out = questions.variations;
  out.insert(out.end(), questions.few_shot.begin(), questions.few_shot.end());
  out.insert(out.end(), questions.additivity.begin(), questions.additivity.end());
  if (questions.benchmark)
    out.insert(out.end(), questions.benchmark->members.begin(), questions.benchmark->members.end());
  return out;
}

void check_benchmark(const StudyOptions& options) {
  const StudyBenchmark& asked = *options.questions.benchmark;
  if (options.tasks == 0) refuse("questions.benchmark", "a benchmark needs tasks: they are its queries");
  if (asked.regret && options.tasks < 2)
    refuse("questions.benchmark.regret", "a query is evaluated on its domain's other tasks: give two tasks or more");
  if (!asked.checkpoints.empty() && (options.training.schedule != "constant" || options.training.warmup != 0))
    refuse("questions.benchmark.checkpoints",
           "a shorter run is a state of the longer one only with \"schedule\": \"constant\" and no warmup");
  for (const std::int64_t steps : asked.checkpoints)
    if (steps < 1) refuse("questions.benchmark.checkpoints", "a run has one step at least");
}

void check_questions(const StudyOptions& options) {
  const StudyQuestions& questions = options.questions;
  for (const StudyTraining& one : every_training(questions))
    if (one.name.empty() || one.name.find('/') != std::string::npos)
      refuse("questions", "a training's name is a folder's, as \"rank 32\"");
  if (questions.layer == "all") refuse("questions.layer", "questions are asked at one layer");
  if (!questions.few_shot.empty() && options.tasks == 0) refuse("questions.few_shot", "the study has no tasks");
  if (questions.benchmark) check_benchmark(options);
  const int most = static_cast<int>(options.domains.size()) * options.splits;
  for (const int size : questions.pool_sizes)
    if (size < static_cast<int>(options.domains.size()) || size > most)
      refuse("questions.pool_sizes",
             "a pool has a variant of each domain at least, and no more than the study's " + std::to_string(most));
}

void check(const StudyOptions& options) {
  if (options.base.empty()) refuse("base", "a study has one base");
  if (options.out.empty()) refuse("out", "a study needs a folder to work in");
  if (options.domains.size() < 2) refuse("domains", "a study compares at least two domains");
  std::set<std::string> names;
  for (const StudyDomain& domain : options.domains)
    if (!names.insert(domain.name).second) refuse("domains." + domain.name, "two domains have the same name");
  if (options.splits < 1 || options.tasks < 0 || options.held_out < 1 || options.examples < 0)
    refuse("splits, tasks, held_out, examples", "counts are not negative, and splits and held_out at least 1");
  if (options.positions.empty()) refuse("positions", "nothing to embed");
  check_questions(options);
  std::vector<TrainOptions> all = {options.training, options.few_shot};
  for (const StudyTraining& one : every_training(options.questions)) all.push_back(one.training);
  for (TrainOptions& training : all) {
    training.base = options.base;
    training.data = training.out = options.out;  // of each adapter its own
    training::check_options(training);
  }
}

class Study {
 public:
  Study(const StudyOptions& options, Progress& progress) : options_(options), progress_(progress), out_(options.out) {
    if (options_.adapters.empty()) options_.adapters = options_.out;
    const auto configuration = study::configuration(options, provenance(embedding_at(options.positions.front())).base);
    fs::create_directories(out_);
    fs::create_directories(examples());
    keep_configuration(configuration);
    report_.configuration = configuration.dump(2);
    parts_ = study::write_parts(options, examples());
  }

  StudyReport run() {
    study::Trainer train(options_, planned(), report_, progress_);
    train_pool(train);
    train_runs(train);
    const study::Studied studied{options_, parts_, pool_, runs_, train, progress_};
    for (const std::string& position : options_.positions) report_.spaces.push_back(measure(position, studied));
    for (const std::string& name : options_.representations) {
      EmbedOptions embedding = studied.embedding_as(name);
      embedding.layer = "last";
      report_.representations.push_back(
          study::measure_representation(pool_, runs_, embedding, out_ / "representations.db", progress_));
    }
    for (const study::Question* question : study::asked(options_))
      for (StudyTable& table : question->answer(studied)) report_.tables.push_back(std::move(table));
    return std::move(report_);
  }

 private:
  EmbedOptions embedding_at(const std::string& position) const {
    return {.base = options_.base,
            .layer = "all",
            .position = position,
            .probes_file = options_.probes_file,
            .precision = options_.precision,
            .memory = options_.memory,
            .threads = options_.threads};
  }

  fs::path examples() const { return fs::path(options_.adapters) / "examples"; }

  // Beside the adapters, and what a study that goes on there is held to.
  void keep_configuration(const nlohmann::ordered_json& configuration) const {
    const fs::path file = fs::path(options_.adapters) / "configuration.json";
    if (io::exists(file)) {
      const std::string key = study::differing_key(io::read_json(file), io::Json(configuration));
      if (!key.empty())
        throw Error(ErrorCode::kUsage,
                    "the adapters there were made with another value: give another \"adapters\" or \"out\"",
                    {.path = file.string(), .field = key});
    }
    io::write_file_atomically(file, configuration.dump(2) + "\n");
  }

  // How many adapters the study has.
  std::size_t planned() const {
    std::size_t out = parts_.splits.size() + parts_.tasks.size() + (calibrated() ? study::controls().size() : 0);
    for (const study::Question* question : study::asked(options_))
      if (question->trainings) out += question->trainings(options_);
    return out;
  }
  bool calibrated() const { return options_.calibrate && options_.tasks > 0; }

  void train_pool(study::Trainer& train) {
    std::uint64_t seed = options_.training.seed;
    for (const study::Part& part : parts_.splits)
      pool_.push_back(train(options_.training, {part.name, part.domain, part.file, "pool", seed++}).model);
  }
  void train_runs(study::Trainer& train) {
    for (const study::Part& part : parts_.tasks)
      runs_.push_back(train(options_.few_shot, {part.name, part.domain, part.file, "tasks", {}}).model);
    if (!calibrated()) return;
    for (const TaskExamples& control : study::write_controls(examples()))
      controls_.push_back(train(options_.few_shot, {control.name, "", control.file, "controls", {}}).model);
  }

  StudySpace measure(const std::string& position, const study::Studied& studied) {
    std::vector<ModelRef> all = pool_;
    all.insert(all.end(), runs_.begin(), runs_.end());
    all.insert(all.end(), controls_.begin(), controls_.end());
    const std::vector<store::Record> records = study::embed_all(all, embedding_at(position), progress_);
    const auto tasks = records.begin() + std::ssize(pool_), controls = tasks + std::ssize(runs_);
    StudySpace space{.position = position, .pool = {records.begin(), tasks}, .layers = {}, .tasks = {}};
    keep_embeddings(space);
    const std::vector<store::Record> runs(tasks, controls), control_runs(controls, records.end());
    if (position == studied.embedding().position) studied.kept["all"] = {.pool = space.pool, .runs = runs};
    for (std::int64_t layer = 0; layer < records.front().layers; ++layer)
      space.layers.push_back(measure_layer(space, runs, control_runs, layer));
    return space;
  }

  void keep_embeddings(const StudySpace& space) const {
    const fs::path file = out_ / ("embeddings-" + space.position + ".db");
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(file.string() + suffix);
    const auto store = store::Store::open(file, store::Store::Mode::kCreate);
    for (const store::Record& record : space.pool) store->put(record);
  }

  StudyLayer measure_layer(StudySpace& space, const std::vector<store::Record>& runs,
                           const std::vector<store::Record>& controls, std::int64_t layer) const {
    StudyLayer out{.layer = layer, .silhouette = {}, .plain = {}, .calibrated = {}};
    if (const auto silhouette = landscape::silhouette(space.pool, layer)) out.silhouette = silhouette->average;
    out.plain = study::retrieve(space.pool, runs, {}, layer, space.tasks);
    if (!controls.empty()) out.calibrated = study::retrieve(space.pool, runs, controls, layer, space.tasks);
    return out;
  }

  StudyOptions options_;
  Progress& progress_;
  const fs::path out_;
  StudyReport report_;
  study::Parts parts_;
  std::vector<ModelRef> pool_, runs_, controls_;
};

}  // namespace

StudyReport run_study(const StudyOptions& options, Progress& progress) {
  check(options);
  return Study(options, progress).run();
}

}  // namespace deltascape
