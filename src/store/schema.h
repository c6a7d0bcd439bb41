// The store's tables (docs/formats.md), and a file as one: made, checked, opened to read and to write.
#pragma once

#include <memory>

#include "store/sqlite.h"
#include "store/store.h"

namespace deltascape::store {

// An open store and which schema its file has at this moment. While that is schema 1, temporary views with the names
// and columns of schema 2 lie over its tables, so that every SELECT serves both.
class Schema {
 public:
  static constexpr std::int64_t kCurrent = 2;

  explicit Schema(std::unique_ptr<Database> database, bool read_only);
  Database& database() const { return *database_; }
  // Another process may have migrated the file since: takes the views away. Inside the transaction that goes on to
  // read.
  void refresh();
  std::int64_t version() const { return version_; }
  // Brings schema 1 to schema 2, in a transaction of its own.
  void migrate();

 private:
  std::int64_t stored_version() const;
  void drop_views();

  std::unique_ptr<Database> database_;
  bool read_only_;
  std::int64_t version_ = kCurrent;
};

std::unique_ptr<Schema> open_to_read(const std::filesystem::path& file);
std::unique_ptr<Schema> open_to_write(const std::filesystem::path& file, bool create);

// The tables of schema 2, in a database that has none of them.
void create_tables(Database& database);

}  // namespace deltascape::store
