// Owns how a Record lies in a row of the store, what makes a Record sound, and how a name is looked up.
#pragma once

#include "store/sqlite.h"
#include "store/store.h"

namespace deltascape::store {

extern const char* const kSelectRows;   // every row in name order
extern const char* const kSelectFacts;  // every row in name order, without numbers per dimension
extern const char* const kSelectRow;    // the row by name
extern const char* const kInsertRow;

// Sizes that agree, numbers that are finite. Throws Error(kInternal / kNumeric) naming record and field.
void check_record(const Record& record);

struct RowKey {
  std::optional<std::int64_t> id;  // empty: a new one
  std::int64_t space = 0;
  std::string name, label;
};
// `insert` is kInsertRow.
void insert_row(Statement& insert, const Record& record, const RowKey& key);

enum class Numbers { kRead, kLeaveOut };
// The current row of kSelectRows, kSelectFacts or kSelectRow. Sizes are checked against the blobs; a row that does not
// fit is Error(kBadFile) naming it.
Record read_row(const Statement& row, const std::filesystem::path& file, Numbers numbers = Numbers::kRead);

// Error(kNotFound) with the names nearest to `text`, and Error(kUsage) for a text that could be any of `names`.
[[noreturn]] void refuse_unknown(const std::string& text, const std::vector<std::string>& names,
                                 const std::filesystem::path& file);
[[noreturn]] void refuse_ambiguous(const std::string& text, std::vector<std::string> names,
                                   const std::filesystem::path& file);

}  // namespace deltascape::store
