// Owns the thin layer over SQLite: handles that close themselves, and its errors as one clear line each.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deltascape::store {

class Database {
 public:
  enum class Access { kReadWrite, kCreate, kImmutable };
  Database(const std::filesystem::path& file, Access access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);
  std::int64_t integer(const char* sql);
  [[noreturn]] void fail(int status) const;  // throws what `status` means for the user
  sqlite3* handle() const { return handle_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
  sqlite3* handle_ = nullptr;
};

// A prepared statement; it is reset by the guard of each use, so it can be kept and used again.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters bind from the first one on, in the order of the calls. Texts are copied by SQLite.
  Statement& bind(std::string_view text);
  Statement& bind(std::int64_t value);
  Statement& bind(double value);
  template <class Value>
  Statement& bind(const std::optional<Value>& value) {  // NULL for none
    if (value) return bind(*value);
    ++bound_;
    return *this;
  }
  // Little-endian f32. Not copied where the machine is little-endian: the values stay as they are until the statement
  // has been stepped.
  Statement& bind(const std::vector<float>& values);
  Statement& bind_blob(std::string_view bytes);  // not copied: they outlive the step
  bool step();                                   // false when no row is left
  void execute();                                // steps to the end and resets
  void reset();

  std::string text(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  bool is_null(int column) const;
  std::string_view blob(int column) const;  // lives until the next step

 private:
  Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// Resets a kept statement when its use ends, also by an exception, so that it holds no lock.
class Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) { statement_.reset(); }
  ~Use() { statement_.reset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Statement& statement_;
};

// What is read within it is of one moment, whatever other processes write meanwhile. Inside another transaction it is
// that one.
class Snapshot {
 public:
  explicit Snapshot(Database& database);
  ~Snapshot();
  Snapshot(Snapshot&& other) noexcept : database_(other.database_), own_(std::exchange(other.own_, false)) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Database& database_;
  bool own_;
};

// Rolls back unless committed. The write lock is taken at once, so that no put fails half way for a lock.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace deltascape::store
