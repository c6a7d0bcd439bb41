#include "store/schema.h"

#include <utility>

#include "deltascape/error.h"
#include "store/schema_1.h"

namespace deltascape::store {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kApplicationId = 0x44534350;  // "DSCP", in the file's header
constexpr std::int64_t kSchema = 2;                  // user_version
// Blobs lie in tables of their own: listing touches no page of them, and search none of the deltas by probe.
constexpr const char* kTables = R"(
CREATE TABLE variant (
  id INTEGER PRIMARY KEY,
  content_hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, label TEXT NOT NULL, path TEXT NOT NULL);
CREATE INDEX variant_path ON variant (path);
CREATE TABLE alias (
  text TEXT NOT NULL, variant INTEGER NOT NULL REFERENCES variant (id) ON DELETE CASCADE,
  PRIMARY KEY (text, variant)) WITHOUT ROWID;
CREATE INDEX alias_variant ON alias (variant);
CREATE TABLE space (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE, representation TEXT NOT NULL, parameters TEXT NOT NULL,
  base TEXT NOT NULL, base_name TEXT NOT NULL, tokenizer TEXT NOT NULL);
CREATE TABLE measurement (
  id INTEGER PRIMARY KEY,
  variant INTEGER NOT NULL REFERENCES variant (id) ON DELETE CASCADE,
  space INTEGER NOT NULL REFERENCES space (id),
  kind TEXT NOT NULL, base_name TEXT,
  program_version TEXT NOT NULL, device TEXT NOT NULL, precision TEXT NOT NULL, created TEXT NOT NULL,
  probe_count INTEGER NOT NULL, dim INTEGER NOT NULL, layers INTEGER NOT NULL,
  norm REAL NOT NULL, relative_norm REAL NOT NULL, spread REAL, numeric_error REAL NOT NULL,
  no_effect INTEGER NOT NULL,
  UNIQUE (variant, space));
CREATE INDEX measurement_space ON measurement (space);
CREATE TABLE vector (
  measurement INTEGER PRIMARY KEY REFERENCES measurement (id) ON DELETE CASCADE, mean BLOB NOT NULL);
CREATE TABLE detail (
  measurement INTEGER PRIMARY KEY REFERENCES measurement (id) ON DELETE CASCADE,
  per_probe BLOB NOT NULL, standard_error BLOB NOT NULL);
CREATE TABLE gram (
  measurement INTEGER PRIMARY KEY REFERENCES measurement (id) ON DELETE CASCADE, block BLOB NOT NULL);
CREATE TABLE cluster (
  measurement INTEGER PRIMARY KEY REFERENCES measurement (id) ON DELETE CASCADE,
  cluster INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE control_run (
  measurement INTEGER PRIMARY KEY REFERENCES measurement (id) ON DELETE CASCADE,
  control TEXT NOT NULL, fingerprint TEXT NOT NULL, settings TEXT NOT NULL);
)";
// Rows of some kilobytes: on pages of 4 KiB a third of the file would be empty.
constexpr const char* kNewFile = "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL";

bool is_new(Database& database) {
  return database.integer("PRAGMA user_version") == 0 &&
         database.integer("SELECT count(*) FROM main.sqlite_schema") == 0;
}

void check_schema(Database& database) {
  const ErrorContext at{.path = database.file().string(), .field = {}, .expected = {}, .found = {}};
  if (is_new(database))  // whoever made it was stopped before its tables were there
    throw Error(ErrorCode::kBadFile, "not a store: it has no tables; make one with `deltascape embed`", at);
  if (database.integer("PRAGMA application_id") != kApplicationId)
    throw Error(ErrorCode::kBadFile,
                "an SQLite database, but not a deltascape store; name another with " + option("store"), at);
  const std::int64_t version = database.integer("PRAGMA user_version");
  if (version < 1 || version > kSchema)
    throw Error(
        ErrorCode::kUnsupported, "the store was made by another version; update deltascape to read it",
        {.path = at.path, .field = "schema", .expected = std::to_string(kSchema), .found = std::to_string(version)});
}

// Around a transaction in which tables are renamed and dropped: within one it cannot be said.
class WithoutForeignKeys {
 public:
  explicit WithoutForeignKeys(Database& database) : database_(database) { database_.run("PRAGMA foreign_keys = OFF"); }
  ~WithoutForeignKeys() { sqlite3_exec(database_.handle(), "PRAGMA foreign_keys = ON", nullptr, nullptr, nullptr); }
  WithoutForeignKeys(const WithoutForeignKeys&) = delete;
  WithoutForeignKeys& operator=(const WithoutForeignKeys&) = delete;

 private:
  Database& database_;
};

void mark_as_current(Database& database) {
  database.run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
  database.run(("PRAGMA user_version = " + std::to_string(kSchema)).c_str());
}

}  // namespace

static_assert(kSchema == Schema::kCurrent);

void create_tables(Database& database) { database.run(kTables); }

Schema::Schema(std::unique_ptr<Database> database, bool read_only)
    : database_(std::move(database)), read_only_(read_only) {
  const Snapshot snapshot(*database_);
  check_schema(*database_);
  database_->run("PRAGMA cache_size = -32768");  // kibibytes: counted in pages, whose size is known by now
  version_ = stored_version();
  if (version_ == 1) create_views_of_schema_1(*database_, "");
  if (read_only_) database_->run("PRAGMA query_only = ON");
}

std::int64_t Schema::stored_version() const { return database_->integer("PRAGMA main.user_version"); }

void Schema::refresh() {
  if (version_ == kCurrent || stored_version() == version_) return;
  check_schema(*database_);
  drop_views();
}

void Schema::drop_views() {
  if (read_only_) database_->run("PRAGMA query_only = OFF");
  drop_views_of_schema_1(*database_);
  if (read_only_) database_->run("PRAGMA query_only = ON");
  version_ = kCurrent;
}

void Schema::migrate() {
  if (version_ == kCurrent) return;
  const WithoutForeignKeys tables_may_go(*database_);
  Transaction transaction(*database_);
  drop_views_of_schema_1(*database_);
  if (stored_version() == 1) {  // another process may have been first
    migrate_from_schema_1(*database_);
    mark_as_current(*database_);
  }
  transaction.commit();
  version_ = kCurrent;
}

std::unique_ptr<Schema> open_to_write(const fs::path& file, bool create) {
  auto database = std::make_unique<Database>(file, create ? Database::Access::kCreate : Database::Access::kReadWrite);
  if (create && is_new(*database)) {
    database->run(kNewFile);
    Transaction transaction(*database);
    if (is_new(*database)) {  // another process may have been first
      create_tables(*database);
      mark_as_current(*database);
    }
    transaction.commit();
  }
  auto out = std::make_unique<Schema>(std::move(database), false);
  if (sqlite3_db_readonly(out->database().handle(), "main") == 1) out->database().fail(SQLITE_READONLY);
  out->database().run("PRAGMA synchronous = FULL");  // a put that returned survives a power cut
  out->database().run("PRAGMA foreign_keys = ON");
  return out;
}

// WAL wants to write beside the file even for a reader. Where it may not, and no writer left a log, the file is
// complete as it is and is read as such.
std::unique_ptr<Schema> open_to_read(const fs::path& file) {
  try {
    return std::make_unique<Schema>(std::make_unique<Database>(file, Database::Access::kReadWrite), true);
  } catch (const Error& error) {
    std::error_code ignored;
    const fs::path log = file.string() + "-wal";
    const bool pending = fs::exists(log, ignored) && fs::file_size(log, ignored) > 0;
    if (error.code() != ErrorCode::kIo || pending) throw;
  }
  return std::make_unique<Schema>(std::make_unique<Database>(file, Database::Access::kImmutable), true);
}

}  // namespace deltascape::store
