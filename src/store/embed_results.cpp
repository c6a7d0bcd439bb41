// Naming and keeping what an embedding makes.
#include "deltascape/embed_results.h"

#include <algorithm>
#include <filesystem>

#include "deltascape/error.h"
#include "io/file.h"
#include "store/names.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

constexpr int kNameAttempts = 5, kBusyAttempts = 20;  // another process may take a name between our look and our write

std::string content_key(const store::Record& record) { return record.variant_hash + '\0' + record.space.canonical(); }

store::Record facts_of(const store::Record& record) {
  store::Record out = record;
  out.spread = store::known_spread(record);
  out.per_probe = out.mean = out.standard_error = {};
  return out;
}

void check_npz_target(const std::string& file) {
  if (fs::path(file).extension() != ".npz")
    throw Error(ErrorCode::kUsage,
                option("out") + " is an .npz; for other formats embed into a store and run `deltascape export`",
                {.path = file, .field = "", .expected = "F.npz", .found = ""});
  const fs::path folder = fs::path(file).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !fs::is_directory(folder, ignored))
    throw Error(ErrorCode::kNotFound, "there is no such folder to write into; make it first",
                {.path = folder.string(), .field = "", .expected = "", .found = ""});
}

// A new file beside the store's place, gone again at once: only making one shows that it can be made.
void check_store_target(const std::string& file) {
  try {
    const io::AtomicFile probe(file);
  } catch (const Error&) {
    throw Error(ErrorCode::kIo, "the store cannot be made there: its folder must exist and be writable",
                {.path = file, .field = "", .expected = "", .found = ""});
  }
}

}  // namespace

EmbedResults::EmbedResults(EmbedTargets targets, const std::vector<ModelRef>& models, Progress& progress)
    : targets_(std::move(targets)), progress_(progress) {
  if (!targets_.npz_file.empty()) check_npz_target(targets_.npz_file);
  for (std::size_t i = 0; i < models.size(); ++i) {
    place_of_.emplace(models[i].path, i);
    if (models[i].name_chosen) chosen_.emplace(models[i].path, models[i].name);
  }
  if (targets_.store_file.empty()) return;
  // A shard without models succeeds: whoever adds the shards up finds its store.
  if (models.empty() || io::exists(targets_.store_file)) open_store();
  else check_store_target(targets_.store_file);
}

void EmbedResults::open_store() {
  store_ = store::Store::open(targets_.store_file, store::Store::Mode::kCreate);
  for (std::string& name : store_->names()) taken_.insert(std::move(name));
  check_chosen_names();
}

// Where the store's row of that name was read from the same place, it is the model's own: replaced, or left to the
// contract of names when it is known that the content is another.
void EmbedResults::check_chosen_names() const {
  for (const auto& [path, name] : chosen_) {
    if (!taken_.contains(name)) continue;
    const std::string other = store_->find(name).front().path;
    if (store::stored_path(other) != store::stored_path(path))
      throw Error(ErrorCode::kUsage,
                  "the store has another variant of this name: choose another, or `deltascape rm` it",
                  {.path = targets_.store_file, .field = name, .expected = path, .found = other});
  }
}

void EmbedResults::add(store::Record record) {
  require_one_base(record);
  if (!store_ && !targets_.store_file.empty()) open_store();
  const auto place = place_of_.find(record.path);
  const std::string given = record.name, path = record.path;
  // A store holds a content once; an npz alone has a row for every path that was given.
  const std::string content = content_key(record) + (store_ ? "" : record.path);
  const auto twin = name_of_run_.find(content);
  const bool again = twin != name_of_run_.end();
  const bool stored = !again && store_ && store_->name_of(record.variant_hash);
  record.name = again ? twin->second : choose_name(record);
  if ((again || stored) && given != record.name) record.aliases.push_back(given);
  record.path = store::stored_path(record.path);
  if (store_) put_in_store(record);
  if (const auto wanted = chosen_.find(path); wanted != chosen_.end() && wanted->second != record.name)
    progress_.note(path + " is called " + record.name + ", not " + wanted->second +
                   ": its content has that name already, or other content has the chosen one");
  if (again) progress_.note(given + " (" + record.path + ") has the same content as " + record.name + ": one row");
  taken_.insert(record.name);
  name_of_run_[content] = record.name;

  Kept& kept = kept_[record.name];
  const std::size_t own = place == place_of_.end() ? place_of_.size() : place->second;
  kept.place = again ? std::min(kept.place, own) : own;
  kept.facts = facts_of(record);
  if (!targets_.npz_file.empty()) kept.for_npz = std::move(record);
}

std::string EmbedResults::choose_name(const store::Record& record) const {
  if (store_)
    if (auto name = store_->name_of(record.variant_hash)) return *name;
  if (!taken_.contains(record.name)) return record.name;
  // A hub id was typed, while the record may come from the cache's folder of a commit.
  const std::string& source = place_of_.contains(record.path) ? record.path : record.name;
  return store::unique_name(source, [this](const std::string& name) { return taken_.contains(name); });
}

// What lay at the path before is not measured any more, or has lost its path.
void EmbedResults::tell_of_path(const std::string& path, const store::Store::Kept& kept) const {
  if (kept.outdated > 0)
    progress_.note(kept.name + ": " + path +
                   " holds other weights than before; what was measured of the old ones was " + "removed (" +
                   std::to_string(kept.outdated) + (kept.outdated == 1 ? " embedding)" : " embeddings)"));
  for (const std::string& other : kept.displaced)
    progress_.note(other + " was at " + path + ", which holds " + kept.name + " now; `deltascape rm` it if it is gone");
}

// What the store calls the record may be another name than was chosen: a model trained again in place keeps its own.
void EmbedResults::put_in_store(store::Record& record) {
  for (int attempt = 1, busy = 1;; ++attempt) {
    try {
      const store::Store::Kept kept = store_->put(record, store::Store::Replace::kContentOrPath);
      tell_of_path(record.path, kept);
      record.name = kept.name;
      for (const store::Found& row : store_->find(record.name)) record.label = row.label;  // one that it had stays
      return;
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kBusy && busy < kBusyAttempts) {  // what was computed is worth ten minutes
        if (busy++ == 1) progress_.note("waiting for another program that writes to " + targets_.store_file);
        --attempt;
        continue;
      }
      if (e.code() != ErrorCode::kMismatch || attempt == kNameAttempts) throw;
      for (std::string& name : store_->names()) taken_.insert(std::move(name));
      record.name = choose_name(record);
    }
  }
}

void EmbedResults::require_one_base(const store::Record& record) const {
  if (targets_.npz_file.empty() || kept_.empty()) return;
  const store::Record& first = kept_.begin()->second.for_npz;
  if (first.space.base == record.space.base) return;
  throw Error(
      ErrorCode::kUsage,
      "one npz holds one base; give " + option("base") + ", or " + option("store") + " instead of " + option("out"),
      {.path = targets_.npz_file,
       .field = record.name,
       .expected = first.space.base_name,
       .found = record.space.base_name});
}

std::vector<const EmbedResults::Kept*> EmbedResults::in_order() const {
  std::vector<const Kept*> out;
  for (const auto& [name, kept] : kept_) out.push_back(&kept);
  std::ranges::stable_sort(out, {}, [](const Kept* kept) { return kept->place; });
  return out;
}

std::vector<store::Record> EmbedResults::rows() const {
  std::vector<store::Record> out;
  for (const Kept* kept : in_order()) out.push_back(kept->facts);
  return out;
}

void EmbedResults::finish() const {
  if (targets_.npz_file.empty() || kept_.empty()) return;
  std::vector<store::Record> records;
  for (const Kept* kept : in_order()) records.push_back(kept->for_npz);
  store::write_embeddings_npz(records, targets_.npz_file);
}

}  // namespace deltascape
