// Owns naming and keeping what `embed` makes.
#include "cli/embed_results.h"

#include <algorithm>
#include <filesystem>

#include "deltascape/error.h"
#include "store/names.h"

namespace deltascape::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kNameAttempts = 5;  // another process may take a name between our look and our write

std::string content_key(const store::Record& record) {
  const store::Comparable& c = record.comparable;
  std::string key;
  for (const std::string* part :
       {&record.variant_hash, &c.base, &c.tokenizer, &c.probes, &c.representation, &c.layer, &c.position})
    key += *part + '\0';
  return key;
}

void check_npz_target(const std::string& file) {
  if (fs::path(file).extension() != ".npz")
    throw Error(ErrorCode::kUsage, "--out is an .npz; for other formats embed into a store and run `deltascape export`",
                {.path = file, .field = "", .expected = "F.npz", .found = ""});
  const fs::path folder = fs::path(file).parent_path();
  std::error_code ignored;
  if (!folder.empty() && !fs::is_directory(folder, ignored))
    throw Error(ErrorCode::kNotFound, "there is no such folder to write into; make it first",
                {.path = folder.string(), .field = "", .expected = "", .found = ""});
}

}  // namespace

EmbedResults::EmbedResults(EmbedTargets targets, const std::vector<ModelRef>& models, const Console& console)
    : targets_(std::move(targets)), console_(console) {
  if (!targets_.npz_file.empty()) check_npz_target(targets_.npz_file);
  for (std::size_t i = 0; i < models.size(); ++i) {
    typed_.emplace(models[i].path, i);
    if (models[i].name_chosen) chosen_.emplace(models[i].path, models[i].name);
  }
  if (targets_.store_file.empty()) return;
  store_ = store::Store::open(targets_.store_file, store::Store::Mode::kCreate);
  for (std::string& name : store_->names()) taken_.insert(std::move(name));
  check_chosen_names();
}

// Where the store's row of that name was read from the same place, it is the model's own: replaced, or left to the
// contract of names when it is known that the content is another.
void EmbedResults::check_chosen_names() const {
  const auto place = [](const std::string& path) {
    std::error_code ignored;
    const fs::path whole = fs::weakly_canonical(fs::absolute(path, ignored), ignored);
    return whole.has_filename() ? whole : whole.parent_path();
  };
  for (const auto& [path, name] : chosen_) {
    if (!taken_.contains(name)) continue;
    const std::string other = store_->get(name).path;
    if (place(other) != place(path))
      throw Error(ErrorCode::kUsage,
                  "the store has another variant of this name: choose another, or `deltascape rm` it",
                  {.path = targets_.store_file, .field = name, .expected = path, .found = other});
  }
}

void EmbedResults::add(store::Record record) {
  require_one_base(record);
  const std::string given = record.name, path = record.path;
  // A store holds a content once; an npz alone has a row for every path that was given.
  const std::string content = content_key(record) + (store_ ? "" : record.path);
  const auto twin = name_of_run_.find(content);
  const bool again = twin != name_of_run_.end();
  record.name = again ? twin->second : choose_name(record);
  if (store_) put_in_store(record);
  if (const auto wanted = chosen_.find(path); wanted != chosen_.end() && wanted->second != record.name)
    console_.note(path + " is called " + record.name + ", not " + wanted->second +
                  ": its content has that name already, or other content has the chosen one");
  if (again) console_.note(given + " (" + record.path + ") has the same content as " + record.name + ": one row");
  taken_.insert(record.name);
  name_of_run_[content] = record.name;

  if (const auto which = typed_.find(path); which != typed_.end()) order_[record.name] = which->second;
  const auto named = [&](const auto& row) { return row.name == record.name; };
  std::erase_if(rows_, named);
  rows_.push_back(summarise(record));
  if (targets_.npz_file.empty()) return;
  std::erase_if(for_npz_, named);
  for_npz_.push_back(std::move(record));
}

std::string EmbedResults::choose_name(const store::Record& record) const {
  if (store_)
    if (auto name = store_->name_of(record.variant_hash, record.comparable)) return *name;
  if (!taken_.contains(record.name)) return record.name;
  // A hub id was typed, while the record may come from the cache's folder of a commit.
  const std::string& source = typed_.contains(record.path) ? record.path : record.name;
  return store::unique_name(source, [this](const std::string& name) { return taken_.contains(name); });
}

void EmbedResults::put_in_store(store::Record& record) {
  for (int attempt = 1;; ++attempt) {
    try {
      return store_->put(record);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kMismatch || attempt == kNameAttempts) throw;
      for (std::string& name : store_->names()) taken_.insert(std::move(name));
      record.name = choose_name(record);
    }
  }
}

void EmbedResults::require_one_base(const store::Record& record) const {
  if (for_npz_.empty() || for_npz_.front().comparable.base == record.comparable.base) return;
  throw Error(ErrorCode::kUsage, "one npz holds one base; give --base, or --store instead of --out",
              {.path = targets_.npz_file,
               .field = record.name,
               .expected = for_npz_.front().comparable.base_name,
               .found = record.comparable.base_name});
}

void EmbedResults::finish() {
  const auto sort = [&](auto& rows) {
    std::ranges::stable_sort(rows, {}, [&](const auto& row) {
      const auto which = order_.find(row.name);
      return which == order_.end() ? order_.size() : which->second;
    });
  };
  sort(rows_);
  sort(for_npz_);
  if (!for_npz_.empty()) store::write_embeddings_npz(for_npz_, targets_.npz_file);
}

}  // namespace deltascape::cli
