#include "study/anchors.h"

#include <algorithm>
#include <map>

#include "core/hash.h"
#include "core/temporary_folder.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "study/few_shot.h"
#include "train/rows.h"

namespace deltascape::study {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;  // of a task's examples

}  // namespace

std::vector<Anchor> anchors_of(const RelativeOptions& options) {
  require_names(options.tasks);
  std::vector<Anchor> out;
  for (const TaskExamples& task : options.tasks) {
    training::read_rows(task.file, training::RowKind::kCompletion);  // throws before minutes of training
    std::string examples = io::read_text(task.file, kMostBytes);
    const ControlKey key = anchor_key(options.training, task.name, examples);
    out.push_back({.name = task.name, .examples = std::move(examples), .key = key});
  }
  if (out.empty())
    for (const Control& control : controls())
      out.push_back({std::string(control.name), std::string(control.examples), control_key(options.training)});
  std::ranges::sort(out, {}, &Anchor::name);
  std::map<std::string, std::string> name_of;  // by examples
  for (const Anchor& anchor : out)
    if (const auto [same, is_new] = name_of.emplace(anchor.examples, anchor.name); !is_new)
      throw Error(ErrorCode::kUsage, "two anchors have the same examples: leave one out",
                  {.field = same->second + ", " + anchor.name});
  return out;
}

std::string hash_of(const std::vector<Anchor>& anchors, const TrainOptions& training) {
  Hasher hasher;
  for (const Anchor& anchor : anchors) hasher.update(anchor_key(training, anchor.name, anchor.examples).fingerprint);
  return hasher.hex();
}

std::vector<store::Record> kept_anchors(const std::vector<Anchor>& anchors, const std::filesystem::path& store,
                                        const store::Record& like) {
  std::map<std::string, std::vector<store::Record>> by_key;
  std::vector<store::Record> out;
  for (const Anchor& anchor : anchors) {
    const std::string& key = anchor.key.fingerprint;
    if (!by_key.contains(key)) by_key[key] = kept_controls(store, anchor.key, like);
    const auto kept = std::ranges::find(by_key[key], anchor.name, &store::Record::name);
    out.push_back(kept == by_key[key].end() ? store::Record{.name = anchor.name} : *kept);
  }
  return out;
}

store::Record make_anchor(const Anchor& anchor, const RelativeOptions& options, const EmbedOptions& embedding,
                          const std::string& place, Progress& progress) {
  const TemporaryFolder folder("relative");
  TrainOptions training = options.training;
  training.base = embedding.base;
  training.threads = options.threads;
  training.memory = options.memory;
  training.max_examples = 0;
  training.data = (folder.path() / (anchor.name + ".jsonl")).string();
  training.out = (folder.path() / anchor.name).string();
  io::write_file_atomically(training.data, anchor.examples);
  train_once(training, anchor.name + place, progress);
  store::Record record = embed_all({{.path = training.out, .name = anchor.name}}, embedding, progress).front();
  record.name = anchor.name;
  keep_control(options.anchors_file, anchor.key, record);
  return record;
}

}  // namespace deltascape::study
