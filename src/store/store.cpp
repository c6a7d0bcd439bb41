#include "store/store.h"

#include <utility>

#include "deltascape/error.h"
#include "store/added_tables.h"
#include "store/lookup.h"
#include "store/names.h"
#include "store/rows.h"
#include "store/sqlite.h"

namespace deltascape::store {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kApplicationId = 0x44534350;  // "DSCP", in the file's header
constexpr std::int64_t kSchema = 1;                  // user_version
constexpr const char* kTables = R"(
CREATE TABLE space (
  id INTEGER PRIMARY KEY,
  base TEXT NOT NULL, tokenizer TEXT NOT NULL, probes TEXT NOT NULL,
  representation TEXT NOT NULL, layer TEXT NOT NULL, position TEXT NOT NULL,
  UNIQUE (base, tokenizer, probes, representation, layer, position));
CREATE TABLE variant (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE, label TEXT NOT NULL, path TEXT NOT NULL,
  variant_hash TEXT NOT NULL, space INTEGER NOT NULL REFERENCES space (id), base_name TEXT NOT NULL,
  program_version TEXT NOT NULL, device TEXT NOT NULL, precision TEXT NOT NULL, created TEXT NOT NULL,
  probe_count INTEGER NOT NULL, dim INTEGER NOT NULL, layers INTEGER NOT NULL,
  norm REAL NOT NULL, relative_norm REAL NOT NULL, numeric_error REAL NOT NULL, no_effect INTEGER NOT NULL,
  mean BLOB NOT NULL, per_probe BLOB NOT NULL, standard_error BLOB NOT NULL,
  UNIQUE (variant_hash, space));
)";

void refuse_other_kinds(const fs::path& file, Store::Mode mode) {
  std::error_code failed;
  const fs::file_status status = fs::status(file, failed);
  const ErrorContext at{.path = file.string(), .field = {}, .expected = {}, .found = {}};
  if (status.type() == fs::file_type::not_found) {
    if (mode == Store::Mode::kCreate) return;
    throw Error(ErrorCode::kNotFound,
                "there is no store here; make one with `deltascape embed`, or name another with --store", at);
  }
  if (failed) throw Error(ErrorCode::kIo, "cannot look at the store: " + failed.message(), at);
  if (!fs::is_regular_file(status)) throw Error(ErrorCode::kBadFile, "not a store: it is not a regular file", at);
  if (mode != Store::Mode::kCreate && fs::file_size(file, failed) == 0)
    throw Error(ErrorCode::kBadFile, "not a store: the file is empty; make one with `deltascape embed`", at);
}

bool is_new(Database& database) {
  return database.integer("PRAGMA user_version") == 0 && database.integer("SELECT count(*) FROM sqlite_schema") == 0;
}

void check_schema(Database& database) {
  const ErrorContext at{.path = database.file().string(), .field = {}, .expected = {}, .found = {}};
  if (is_new(database))  // whoever made it was stopped before its tables were there
    throw Error(ErrorCode::kBadFile, "not a store: it has no tables; make one with `deltascape embed`", at);
  if (database.integer("PRAGMA application_id") != kApplicationId)
    throw Error(ErrorCode::kBadFile, "an SQLite database, but not a deltascape store; name another with --store", at);
  const std::int64_t version = database.integer("PRAGMA user_version");
  if (version != kSchema)
    throw Error(
        ErrorCode::kUnsupported, "the store was made by another version; update deltascape to read it",
        {.path = at.path, .field = "schema", .expected = std::to_string(kSchema), .found = std::to_string(version)});
}

std::unique_ptr<Database> open_for_writing(const fs::path& file, bool create) {
  auto database = std::make_unique<Database>(file, create ? Database::Access::kCreate : Database::Access::kReadWrite);
  if (create && is_new(*database)) {
    database->run("PRAGMA journal_mode = WAL");
    Transaction transaction(*database);
    if (is_new(*database)) {  // another process may have been first
      database->run(kTables);
      AddedTables::create(*database);
      database->run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
      database->run(("PRAGMA user_version = " + std::to_string(kSchema)).c_str());
    }
    transaction.commit();
  }
  check_schema(*database);
  if (sqlite3_db_readonly(database->handle(), "main") == 1) database->fail(SQLITE_READONLY);
  if (!AddedTables::are_in(*database)) {
    Transaction transaction(*database);
    AddedTables::create(*database);
    transaction.commit();
  }
  database->run("PRAGMA synchronous = FULL");  // a put that returned survives a power cut
  database->run("PRAGMA foreign_keys = ON");
  return database;
}

// WAL wants to write beside the file even for a reader. Where it may not, and no writer left a log, the file is
// complete as it is and is read as such.
std::unique_ptr<Database> open_for_reading(const fs::path& file) {
  try {
    auto database = std::make_unique<Database>(file, Database::Access::kReadWrite);
    check_schema(*database);
    database->run("PRAGMA query_only = ON");
    return database;
  } catch (const Error& error) {
    std::error_code ignored;
    const fs::path log = file.string() + "-wal";
    const bool pending = fs::exists(log, ignored) && fs::file_size(log, ignored) > 0;
    if (error.code() != ErrorCode::kIo || pending) throw;
  }
  auto database = std::make_unique<Database>(file, Database::Access::kImmutable);
  check_schema(*database);
  return database;
}

class SqliteStore : public Store {
 public:
  explicit SqliteStore(std::unique_ptr<Database> database)
      : database_(std::move(database)),
        find_space_(*database_,
                    "SELECT id FROM space WHERE base = ? AND tokenizer = ? AND probes = ? AND representation = ? "
                    "AND layer = ? AND position = ?"),
        find_content_(*database_,
                      "SELECT id, name, label, path, variant_hash FROM variant WHERE variant_hash = ? AND space = ?"),
        find_id_(*database_, "SELECT id, name, label, path, variant_hash FROM variant WHERE id = ?"),
        find_name_(*database_, "SELECT id FROM variant WHERE name = ?"),
        find_any_(*database_, "SELECT 1 FROM variant WHERE variant_hash = ?"),
        find_label_(*database_, "SELECT label FROM variant WHERE variant_hash = ? AND label != '' ORDER BY id"),
        label_content_(*database_, "UPDATE variant SET label = ?1 WHERE variant_hash = ?2 AND label != ?1"),
        names_(*database_, "SELECT name FROM variant ORDER BY name"),
        one_(*database_, kSelectRow),
        insert_(*database_, kInsertRow),
        delete_(*database_, "DELETE FROM variant WHERE id = ?"),
        lookup_(*database_, AddedTables::are_in(*database_)) {
    if (AddedTables::are_in(*database_)) added_.emplace(*database_);
  }

  std::string put(const Record& record, Replace replace) override {
    check_record(record);
    Transaction transaction(*database_);
    std::string name = put_row(record, replace);
    transaction.commit();
    return name;
  }

  void put_all(std::span<const Record> records) override {
    for (const Record& record : records) check_record(record);
    Transaction transaction(*database_);
    for (const Record& record : records) put_row(record, Replace::kContent);
    transaction.commit();
  }

  std::vector<Record> all() const override { return read_all(kSelectRows, Numbers::kRead); }
  std::vector<Record> facts() const override { return read_all(kSelectFacts, Numbers::kLeaveOut); }

  std::vector<std::string> names() const override {
    const Use use(names_);
    std::vector<std::string> out;
    while (names_.step()) out.push_back(names_.text(0));
    return out;
  }

  std::optional<std::string> name_of(const std::string& variant_hash, const Comparable& comparable) const override {
    const std::optional<std::int64_t> space = find_space(comparable);
    if (!space) return std::nullopt;
    const std::optional<Kept> row = row_of(variant_hash, *space);
    return row ? std::optional(row->name) : std::nullopt;
  }

  std::vector<Found> find(const std::string& text) const override { return lookup_.find(text); }

  Record get(const std::string& text) const override {
    const std::string found = resolve(text);
    Record out;
    {
      const Use use(one_);
      if (!one_.bind(found).step()) throw Error(ErrorCode::kNotFound, "\"" + found + "\" has just been removed");
      out = read_row(one_, database_->file());
    }
    if (added_) added_->attach(out);
    return out;
  }

  void remove(const std::string& text) override { remove_all({resolve(text)}); }

  void remove_all(const std::vector<std::string>& names) override {
    Transaction transaction(*database_);
    for (const std::string& name : names)
      if (const auto id = id_of(name)) delete_with_aliases(*id);
    transaction.commit();
  }

  void set_label(const std::string& text, const std::string& label) override { set_labels({{resolve(text), label}}); }

  void set_labels(const std::map<std::string, std::string>& labels) override {
    Transaction transaction(*database_);
    Statement set(
        *database_,
        "UPDATE variant SET label = ? WHERE variant_hash = (SELECT variant_hash FROM variant WHERE name = ?)");
    for (const auto& [name, label] : labels) {
      const Use use(set);
      set.bind(label).bind(name).step();
    }
    transaction.commit();
  }

  void keep_clusters(const std::vector<Assignment>& assignments) override {
    Transaction transaction(*database_);
    if (added_) added_->keep_clusters(assignments);
    transaction.commit();
  }

 private:
  // A row that a record takes the place of.
  struct Kept {
    std::int64_t id = 0;
    std::string name, label, path, variant_hash;
  };

  static std::optional<Kept> next_row(Statement& row) {
    if (!row.step()) return std::nullopt;
    return Kept{row.integer(0), row.text(1), row.text(2), row.text(3), row.text(4)};
  }

  std::optional<Kept> row_of(const std::string& variant_hash, std::int64_t space) const {
    const Use use(find_content_);
    return next_row(find_content_.bind(variant_hash).bind(space));
  }

  std::optional<Kept> row_of(std::int64_t id) const {
    const Use use(find_id_);
    return next_row(find_id_.bind(id));
  }

  std::vector<Record> read_all(const char* select, Numbers numbers) const {
    Statement rows(*database_, select);
    std::vector<Record> out;
    while (rows.step()) out.push_back(read_row(rows, database_->file(), numbers));
    if (added_) added_->attach(out);
    return out;
  }

  std::string put_row(const Record& record, Replace replace) {
    const std::int64_t space = space_of(record.comparable);
    std::optional<Kept> kept = row_of(record.variant_hash, space);
    if (replace == Replace::kContentOrPath) give_way(record, space, kept);
    const std::string name = kept ? kept->name : record.name;
    const std::string label = label_for(record, kept);
    if (kept) delete_row(kept->id);
    else if (id_of(name))
      throw Error(ErrorCode::kMismatch, "the store holds other content by this name; give the new one another name",
                  {.path = database_->file().string(), .field = name, .expected = {}, .found = {}});
    insert_row(insert_, record,
               {.id = kept ? std::optional(kept->id) : std::nullopt, .space = space, .name = name, .label = label});
    if (kept) forget_lost(kept->variant_hash);
    if (!record.label.empty()) {
      const Use use(label_content_);
      label_content_.bind(record.label).bind(record.variant_hash).step();
    }
    if (added_) keep_aliases(record, kept);
    return name;
  }

  // What this space knows of the record's path is out of date, unless it is the record's content. A content that lies
  // elsewhere, too, keeps its row; of the others one makes room for the record, name and label included.
  void give_way(const Record& record, std::int64_t space, std::optional<Kept>& kept) {
    for (const Lookup::Place& place : lookup_.at_path(record.path, space)) {
      if (place.variant_hash == record.variant_hash) continue;
      if (const auto elsewhere = added_->other_path(place.variant_hash, record.path)) {
        Statement(*database_, "UPDATE variant SET path = ? WHERE id = ?").bind(*elsewhere).bind(place.id).execute();
      } else if (kept) {
        delete_with_aliases(place.id);
      } else {
        kept = row_of(place.id);
      }
    }
    added_->take_path(record.path, record.variant_hash);
  }

  std::string label_for(const Record& record, const std::optional<Kept>& kept) const {
    if (!record.label.empty()) return record.label;
    if (kept && !kept->label.empty()) return kept->label;
    const Use use(find_label_);
    return find_label_.bind(record.variant_hash).step() ? find_label_.text(0) : std::string();
  }

  void keep_aliases(const Record& record, const std::optional<Kept>& kept) {
    for (const std::string& alias : record.aliases)
      if (!alias.empty()) added_->add_alias(alias, record.variant_hash);
    if (kept && kept->variant_hash == record.variant_hash && !kept->path.empty() && kept->path != record.path &&
        stored_path(kept->path) != record.path)
      added_->add_alias(kept->path, record.variant_hash);
  }

  std::string resolve(const std::string& text) const {
    const std::vector<Found> found = lookup_.find(text);
    if (found.empty()) refuse_unknown(text, names(), database_->file());
    std::vector<std::string> names;
    for (const Found& row : found)
      if (row.variant_hash != found.front().variant_hash || names.empty()) names.push_back(row.name);
    if (names.size() > 1) refuse_ambiguous(text, std::move(names), database_->file());
    return found.front().name;
  }

  std::optional<std::int64_t> id_of(const std::string& name) const {
    const Use use(find_name_);
    if (!find_name_.bind(name).step()) return std::nullopt;
    return find_name_.integer(0);
  }

  std::optional<std::int64_t> find_space(const Comparable& c) const {
    const Use use(find_space_);
    find_space_.bind(c.base).bind(c.tokenizer).bind(c.probes).bind(c.representation).bind(c.layer).bind(c.position);
    if (!find_space_.step()) return std::nullopt;
    return find_space_.integer(0);
  }

  std::int64_t space_of(const Comparable& c) {
    if (const auto found = find_space(c)) return *found;
    Statement insert(*database_,
                     "INSERT INTO space (base, tokenizer, probes, representation, layer, position) "
                     "VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(c.base).bind(c.tokenizer).bind(c.probes).bind(c.representation).bind(c.layer).bind(c.position);
    insert.execute();
    return sqlite3_last_insert_rowid(database_->handle());
  }

  void delete_row(std::int64_t id) {
    const Use use(delete_);
    delete_.bind(id).step();
  }

  void delete_with_aliases(std::int64_t id) {
    const std::optional<Kept> row = row_of(id);
    delete_row(id);
    if (row) forget_lost(row->variant_hash);
  }

  // With the last row of a content go its aliases.
  void forget_lost(const std::string& variant_hash) {
    if (!added_) return;
    const Use use(find_any_);
    if (!find_any_.bind(variant_hash).step()) added_->remove_aliases(variant_hash);
  }

  std::unique_ptr<Database> database_;
  mutable Statement find_space_, find_content_, find_id_, find_name_, find_any_, find_label_, label_content_, names_,
      one_;
  Statement insert_, delete_;
  mutable Lookup lookup_;
  mutable std::optional<AddedTables> added_;  // empty: a store that was made without them, and is only read
};

}  // namespace

std::unique_ptr<Store> Store::open(const fs::path& file, Mode mode) {
  refuse_other_kinds(file, mode);
  if (mode == Mode::kRead) return std::make_unique<SqliteStore>(open_for_reading(file));
  return std::make_unique<SqliteStore>(open_for_writing(file, mode == Mode::kCreate));
}

}  // namespace deltascape::store
