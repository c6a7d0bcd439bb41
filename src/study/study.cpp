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
#include "study/representations.h"
#include "study/retrieval.h"
#include "study/study_data.h"
#include "study/study_file.h"
#include "train/options.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

void check(const StudyOptions& options) {
  const auto refuse = [](const std::string& field, const std::string& message) {
    throw Error(ErrorCode::kUsage, message, {.field = field});
  };
  if (options.base.empty()) refuse("base", "a study has one base");
  if (options.out.empty()) refuse("out", "a study needs a folder to work in");
  if (options.domains.size() < 2) refuse("domains", "a study compares at least two domains");
  std::set<std::string> names;
  for (const StudyDomain& domain : options.domains)
    if (!names.insert(domain.name).second) refuse("domains." + domain.name, "two domains have the same name");
  if (options.splits < 1 || options.tasks < 0 || options.held_out < 1 || options.examples < 0)
    refuse("splits, tasks, held_out, examples", "counts are not negative, and splits and held_out at least 1");
  if (options.positions.empty()) refuse("positions", "nothing to embed");
  for (TrainOptions training : {options.training, options.few_shot}) {
    training.base = options.base;
    training.data = training.out = options.out;  // of each adapter its own
    training::check_options(training);
  }
}

class Study {
 public:
  Study(const StudyOptions& options, Progress& progress) : options_(options), progress_(progress), out_(options.out) {
    const auto configuration = study::configuration(options, provenance(embedding_at(options.positions.front())).base);
    for (const char* folder : {"", "examples", "pool", "tasks", "controls"}) fs::create_directories(out_ / folder);
    keep_configuration(configuration);
    report_.configuration = configuration.dump(2);
    parts_ = study::write_parts(options, out_ / "examples");
  }

  StudyReport run() {
    train_pool();
    runs_ = train_runs(parts_.tasks);
    if (options_.calibrate && options_.tasks > 0) controls_ = train_controls();
    for (const std::string& position : options_.positions) report_.spaces.push_back(measure(position));
    for (const std::string& name : options_.representations) report_.representations.push_back(represented(name));
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

  // Beside the output, and what a study that goes on is held to.
  void keep_configuration(const nlohmann::ordered_json& configuration) const {
    const fs::path file = out_ / "configuration.json";
    if (io::exists(file)) {
      const std::string key = study::differing_key(io::read_json(file), io::Json(configuration));
      if (!key.empty())
        throw Error(ErrorCode::kUsage, "the adapters there were made with another value: give another \"out\"",
                    {.path = file.string(), .field = key});
    }
    io::write_file_atomically(file, configuration.dump(2) + "\n");
  }

  TrainOptions on_base(TrainOptions training) const {
    training.base = options_.base;
    training.threads = options_.threads;
    training.memory = options_.memory;
    training.max_examples = 0;  // a part is all of its file
    return training;
  }

  void train_or_keep(const TrainOptions& training, const std::string& name) {
    const std::size_t controls = options_.calibrate && options_.tasks > 0 ? study::controls().size() : 0;
    const std::string place =
        study::place_of(report_.trained + report_.kept, parts_.splits.size() + parts_.tasks.size() + controls);
    ++(study::train_once(training, name + place, progress_) ? report_.trained : report_.kept);
  }

  void train_pool() {
    std::uint64_t seed = options_.training.seed;
    for (const study::Part& part : parts_.splits) {
      TrainOptions training = on_base(options_.training);
      training.data = part.file;
      training.out = (out_ / "pool" / part.name).string();
      training.seed = seed++;
      train_or_keep(training, part.name);
      pool_.push_back({.path = training.out, .label = part.domain, .name = part.name});
    }
  }

  std::vector<ModelRef> train_runs(const std::vector<study::Part>& parts) {
    std::vector<ModelRef> out;
    for (const study::Part& part : parts) out.push_back(train_run(part.name, part.domain, part.file, "tasks"));
    return out;
  }
  std::vector<ModelRef> train_controls() {
    std::vector<ModelRef> out;
    for (const TaskExamples& control : study::write_controls(out_ / "examples"))
      out.push_back(train_run(control.name, "", control.file, "controls"));
    return out;
  }
  ModelRef train_run(const std::string& name, const std::string& domain, const std::string& file,
                     const std::string& folder) {
    TrainOptions training = on_base(options_.few_shot);
    training.data = file;
    training.out = (out_ / folder / name).string();
    train_or_keep(training, name);
    return {.path = training.out, .label = domain, .name = name};
  }

  StudySpace measure(const std::string& position) {
    std::vector<ModelRef> all = pool_;
    all.insert(all.end(), runs_.begin(), runs_.end());
    all.insert(all.end(), controls_.begin(), controls_.end());
    const std::vector<store::Record> records = study::embed_all(all, embedding_at(position), progress_);
    const auto tasks = records.begin() + std::ssize(pool_), controls = tasks + std::ssize(runs_);
    StudySpace space{.position = position, .pool = {records.begin(), tasks}, .layers = {}, .tasks = {}};
    keep_embeddings(space);
    const std::vector<store::Record> runs(tasks, controls), control_runs(controls, records.end());
    for (std::int64_t layer = 0; layer < records.front().layers; ++layer)
      space.layers.push_back(measure_layer(space, runs, control_runs, layer));
    return space;
  }

  StudyRepresentation represented(const std::string& name) {
    EmbedOptions embedding = embedding_at("last");
    embedding.layer = "last";
    embedding.representation = name;
    return study::measure_representation(pool_, runs_, embedding, out_ / "representations.db", progress_);
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

  const StudyOptions& options_;
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
