// Owns how a Record lies in a row of the store, what makes a Record sound, and how a name is looked up.
#pragma once

#include "store/sqlite.h"
#include "store/store.h"

namespace deltascape::store {

extern const char* const kSelectRows;  // every row in name order
extern const char* const kSelectRow;   // the row by name

// Sizes that agree, numbers that are finite. Throws Error(kInternal / kNumeric) naming record and field.
void check_record(const Record& record);

struct RowKey {
  std::optional<std::int64_t> id;  // empty: a new one
  std::int64_t space = 0;
  std::string name, label;
};
void insert_row(Database& database, const Record& record, const RowKey& key);

// The current row of kSelectRows or kSelectRow. Sizes are checked against the blobs; a row that does not fit is
// Error(kBadFile) naming it.
Record read_row(const Statement& row, const std::filesystem::path& file);

// A name given as its last path components. Error(kNotFound) lists near names, Error(kUsage) an ambiguous one's.
std::string resolve_name(const std::string& name, const std::vector<std::string>& names,
                         const std::filesystem::path& file);

}  // namespace deltascape::store
