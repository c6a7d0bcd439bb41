#include "study/controls.h"

#include <algorithm>

#include "core/hash.h"
#include "io/file.h"
#include "store/names.h"
#include "store/store.h"
#include "study/control_files.h"
#include "train/settings.h"

namespace deltascape::study {
namespace {

store::Record named(store::Record record, const std::string& name) {
  record.name = name;
  return record;
}

std::string settings_of(const TrainOptions& training) {
  io::Json settings = training::settings_json(training);
  settings["seed"] = training.seed;
  return settings.dump();
}

}  // namespace

const std::vector<Control>& controls() {
  static const std::vector<Control> all = {{"advice", embedded::kAdvice_jsonl},
                                           {"language", embedded::kLanguage_jsonl},
                                           {"questions", embedded::kQuestions_jsonl},
                                           {"writing", embedded::kWriting_jsonl}};
  return all;
}

std::vector<TaskExamples> write_controls(const std::filesystem::path& folder) {
  std::vector<TaskExamples> out;
  for (const Control& control : controls()) {
    const std::filesystem::path file = folder / (std::string(control.name) + ".jsonl");
    io::write_file_atomically(file, control.examples);
    out.push_back({std::string(control.name), file.string()});
  }
  return out;
}

ControlKey control_key(const TrainOptions& training) {
  const std::string settings = settings_of(training);
  Hasher hasher;
  hasher.update(settings);
  for (const Control& control : controls()) hasher.update(control.examples);
  return {.fingerprint = hasher.hex(), .settings = settings};
}

ControlKey anchor_key(const TrainOptions& training, const std::string& name, const std::string& examples) {
  const std::string settings = settings_of(training);
  return {.fingerprint = Hasher().update(settings).update(name).update(examples).hex(), .settings = settings};
}

std::vector<store::Record> kept_controls(const std::filesystem::path& store, const ControlKey& key,
                                         const store::Record& like) {
  if (!io::exists(store)) return {};
  std::vector<store::Record> out;
  for (store::ControlRun& run : store::Store::open(store, store::Store::Mode::kRead)->controls(key.fingerprint))
    if (store::comparable(run.record, like)) out.push_back(named(std::move(run.record), run.control));
  return out;
}

void keep_control(const std::filesystem::path& store, const ControlKey& key, const store::Record& record) {
  const auto file = store::Store::open(store, store::Store::Mode::kCreate);
  const std::vector<std::string> names = file->names();
  store::ControlRun run{
      .control = record.name, .fingerprint = key.fingerprint, .settings = key.settings, .record = record};
  run.record.path.clear();  // a temporary folder
  run.record.name =
      file->name_of(record.variant_hash).value_or(store::with_suffix(record.name, [&](const std::string& name) {
        return std::ranges::find(names, name) != names.end();
      }));
  file->put_control(run);
}

}  // namespace deltascape::study
