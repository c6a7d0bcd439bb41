#include "store/sqlite.h"

#include <bit>
#include <cctype>
#include <cstring>

#include "deltascape/error.h"

namespace deltascape::store {
namespace {

constexpr int kBusyMilliseconds = 30000;

// "file:" URI of a path, for options that only a URI can carry.
std::string uri_of(const std::filesystem::path& file, const char* query) {
  std::string out = "file:";
  for (const char c : std::filesystem::absolute(file).string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::strchr("/-_.~", c)) {
      out += c;
    } else {
      constexpr char kHex[] = "0123456789ABCDEF";
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out + query;
}

}  // namespace

Database::Database(const std::filesystem::path& file, Access access) : file_(file) {
  const std::string target = access == Access::kImmutable ? uri_of(file, "?immutable=1") : file.string();
  int flags = SQLITE_OPEN_READWRITE;
  if (access == Access::kCreate) flags |= SQLITE_OPEN_CREATE;
  if (access == Access::kImmutable) flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  const int status = sqlite3_open_v2(target.c_str(), &handle_, flags, nullptr);
  try {
    if (status != SQLITE_OK) fail(status);
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, kBusyMilliseconds);
    // The file may be hostile: its schema must not run functions, and cells are checked as they are read.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    run("PRAGMA cell_size_check = ON");
  } catch (...) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() { sqlite3_close(handle_); }

void Database::run(const char* sql) {
  const int status = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) fail(status);
}

std::int64_t Database::integer(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

void Database::fail(int status) const {
  const ErrorContext at{.path = file_.string(), .field = {}, .expected = {}, .found = {}};
  switch (status & 0xFF) {
    case SQLITE_NOTADB:
      throw Error(ErrorCode::kBadFile,
                  "not a store: this is no SQLite database; name another file with " + option("store"), at);
    case SQLITE_CORRUPT:
      throw Error(ErrorCode::kBadFile, "the store is damaged; restore a copy of it, or delete it and embed again", at);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::kBusy, "another program is writing to the store; try again when it has ended", at);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw Error(ErrorCode::kIo, "the store may not be written; make it and its folder writable, or copy it", at);
    case SQLITE_CANTOPEN:
      throw Error(ErrorCode::kIo, "cannot open or make the store; its folder must exist and be writable", at);
    case SQLITE_FULL: throw Error(ErrorCode::kIo, "the disk is full; nothing was changed in the store", at);
    case SQLITE_TOOBIG:
      throw Error(ErrorCode::kUnsupported, "the embedding is too large for a store (SQLite keeps 1 GB a value)", at);
    case SQLITE_IOERR:
      throw Error(ErrorCode::kIo, std::string("the disk reports an error: ") + sqlite3_errmsg(handle_), at);
    case SQLITE_NOMEM: throw Error(ErrorCode::kIo, "not enough memory to read the store", at);
    case SQLITE_CONSTRAINT:
      throw Error(ErrorCode::kBadFile,
                  std::string("the store is damaged: its rows contradict each other: ") + sqlite3_errmsg(handle_), at);
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
      throw Error(ErrorCode::kBadFile,
                  std::string("the store's tables are not as this version makes them: ") + sqlite3_errmsg(handle_), at);
    default: throw Error(ErrorCode::kIo, std::string("the store cannot be used: ") + sqlite3_errmsg(handle_), at);
  }
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  const int status = sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  if (status != SQLITE_OK) database.fail(status);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::bind(std::string_view text) {
  const int status = sqlite3_bind_text64(statement_, ++bound_, text.data() ? text.data() : "", text.size(),
                                         SQLITE_TRANSIENT, SQLITE_UTF8);
  if (status != SQLITE_OK) database_.fail(status);
  return *this;
}

Statement& Statement::bind(std::int64_t value) {
  const int status = sqlite3_bind_int64(statement_, ++bound_, value);
  if (status != SQLITE_OK) database_.fail(status);
  return *this;
}

Statement& Statement::bind(double value) {
  const int status = sqlite3_bind_double(statement_, ++bound_, value);
  if (status != SQLITE_OK) database_.fail(status);
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  const int status =
      sqlite3_bind_blob64(statement_, ++bound_, bytes.data() ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
  if (status != SQLITE_OK) database_.fail(status);
  return *this;
}

Statement& Statement::bind(const std::vector<float>& values) {
  int status = SQLITE_OK;
  if constexpr (std::endian::native == std::endian::little) {
    const void* start = values.empty() ? static_cast<const void*>("") : values.data();
    status = sqlite3_bind_blob64(statement_, ++bound_, start, values.size() * 4, SQLITE_STATIC);
  } else {
    std::string bytes(values.size() * 4, '\0');
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(values[i]);
      for (int b = 0; b < 4; ++b) bytes[4 * i + static_cast<std::size_t>(b)] = static_cast<char>(bits >> (8 * b));
    }
    status = sqlite3_bind_blob64(statement_, ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  }
  if (status != SQLITE_OK) database_.fail(status);
  return *this;
}

bool Statement::step() {
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_ROW) return true;
  if (status != SQLITE_DONE) database_.fail(status);
  return false;
}

void Statement::execute() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bound_ = 0;
}

std::string Statement::text(int column) const {
  const unsigned char* start = sqlite3_column_text(statement_, column);
  if (!start) return {};
  return {reinterpret_cast<const char*>(start), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::string_view Statement::blob(int column) const {
  const void* start = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return start ? std::string_view(static_cast<const char*>(start), static_cast<std::size_t>(size)) : std::string_view();
}

Snapshot::Snapshot(Database& database) : database_(database), own_(sqlite3_get_autocommit(database.handle()) != 0) {
  if (own_) database_.run("BEGIN");
}

Snapshot::~Snapshot() {
  if (own_) sqlite3_exec(database_.handle(), "COMMIT", nullptr, nullptr, nullptr);
}

Transaction::Transaction(Database& database) : database_(database) { database_.run("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace deltascape::store
