#include "store/store.h"

#include <utility>

#include "deltascape/error.h"
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
      database->run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
      database->run(("PRAGMA user_version = " + std::to_string(kSchema)).c_str());
    }
    transaction.commit();
  }
  check_schema(*database);
  if (sqlite3_db_readonly(database->handle(), "main") == 1) database->fail(SQLITE_READONLY);
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
        find_content_(*database_, "SELECT id, name, label FROM variant WHERE variant_hash = ? AND space = ?"),
        find_name_(*database_, "SELECT id FROM variant WHERE name = ?"),
        names_(*database_, "SELECT name FROM variant ORDER BY name"),
        all_(*database_, kSelectRows),
        one_(*database_, kSelectRow) {}

  void put(const Record& record) override {
    check_record(record);
    Transaction transaction(*database_);
    const std::int64_t space = space_of(record.comparable);
    std::string name = record.name, label = record.label;
    std::optional<std::int64_t> id;
    {
      const Use use(find_content_);
      if (find_content_.bind(record.variant_hash).bind(space).step()) {
        id = find_content_.integer(0);
        name = find_content_.text(1);
        if (label.empty()) label = find_content_.text(2);
      }
    }
    if (id) delete_row(*id);
    else if (id_of(name))
      throw Error(ErrorCode::kMismatch, "the store holds other content by this name; give the new one another name",
                  {.path = database_->file().string(), .field = name, .expected = {}, .found = {}});
    insert_row(*database_, record, {.id = id, .space = space, .name = name, .label = label});
    transaction.commit();
  }

  std::vector<Record> all() const override {
    const Use use(all_);
    std::vector<Record> out;
    while (all_.step()) out.push_back(read_row(all_, database_->file()));
    return out;
  }

  std::vector<std::string> names() const override {
    const Use use(names_);
    std::vector<std::string> out;
    while (names_.step()) out.push_back(names_.text(0));
    return out;
  }

  std::optional<std::string> name_of(const std::string& variant_hash, const Comparable& comparable) const override {
    const std::optional<std::int64_t> space = find_space(comparable);
    if (!space) return std::nullopt;
    const Use use(find_content_);
    if (!find_content_.bind(variant_hash).bind(*space).step()) return std::nullopt;
    return find_content_.text(1);
  }

  Record get(const std::string& name) const override {
    const std::string found = resolve(name);
    const Use use(one_);
    if (!one_.bind(found).step()) throw Error(ErrorCode::kNotFound, "\"" + found + "\" has just been removed");
    return read_row(one_, database_->file());
  }

  void remove(const std::string& name) override {
    const std::string found = resolve(name);
    Transaction transaction(*database_);
    if (const auto id = id_of(found)) delete_row(*id);
    transaction.commit();
  }

  void set_label(const std::string& name, const std::string& label) override {
    const std::string found = resolve(name);
    Statement(*database_, "UPDATE variant SET label = ? WHERE name = ?").bind(label).bind(found).execute();
  }

 private:
  std::string resolve(const std::string& name) const {
    if (id_of(name)) return name;
    return resolve_name(name, names(), database_->file());
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

  void delete_row(std::int64_t id) { Statement(*database_, "DELETE FROM variant WHERE id = ?").bind(id).execute(); }

  std::unique_ptr<Database> database_;
  mutable Statement find_space_, find_content_, find_name_, names_, all_, one_;
};

}  // namespace

std::unique_ptr<Store> Store::open(const fs::path& file, Mode mode) {
  refuse_other_kinds(file, mode);
  if (mode == Mode::kRead) return std::make_unique<SqliteStore>(open_for_reading(file));
  return std::make_unique<SqliteStore>(open_for_writing(file, mode == Mode::kCreate));
}

}  // namespace deltascape::store
