// How a Record lies in the rows of a store, and what makes a Record sound.
#pragma once

#include "deltascape/error.h"
#include "store/products.h"
#include "store/space_table.h"

namespace deltascape::store {

// Measurements m with their variants v: the FROM of a SELECT.
inline constexpr const char* kMeasurements = " FROM measurement m JOIN variant v ON v.id = m.variant";
// A SELECT of measurement m, variant v and, if asked for, their numbers; a WHERE and an ORDER may follow.
std::string select_records(Numbers numbers);
// The current row of such a SELECT, without aliases. Sizes are checked against the blobs; a row that does not fit is
// Error(kBadFile) naming it.
Record read_record(const Statement& row, const SpaceTable& spaces, Numbers numbers, const std::filesystem::path& file);
// Ids in the current row of such a SELECT.
std::int64_t measurement_in(const Statement& row);
std::int64_t variant_in(const Statement& row);
std::int64_t space_in(const Statement& row);
// The space, where the measurement is one of inner products.
std::optional<std::int64_t> product_space_in(const Statement& row);

// Sizes that agree, numbers that are finite. Throws Error(kInternal / kNumeric) naming record and field.
void check_record(const Record& record);

// The numbers of a record whose facts are read. Errors as above.
void read_mean(std::string_view mean, Record& record, const std::filesystem::path& file);
void read_detail(std::string_view per_probe, std::string_view standard_error, Record& record,
                 const std::filesystem::path& file);
// Row `row` of the mean, [dim], into `out`.
void read_mean_row(std::string_view mean, std::int64_t row, const Record& record, const std::filesystem::path& file,
                   float* out);

// As many floats as there are bytes for, whatever they are.
void read_little_endian(std::span<const std::byte> bytes, float* out);

struct MeasurementKey {
  std::optional<std::int64_t> id;  // empty: a new one
  std::int64_t variant = 0;
  const SpaceRow* space = nullptr;
};
// Writes the rows of a measurement.
class MeasurementWriter {
 public:
  explicit MeasurementWriter(Database& database);
  std::int64_t insert(const Record& record, const MeasurementKey& key);

 private:
  Block block_of(const Record& record, std::int64_t space);

  Database& database_;
  Statement facts_, vector_, detail_, gram_, others_;
};

// Error(kNotFound) with the names nearest to `text`, and Error(kUsage) for a text that could be any of `names`.
[[noreturn]] void refuse_unknown(const std::string& text, const std::vector<std::string>& names,
                                 const std::filesystem::path& file);
[[noreturn]] void refuse_ambiguous(const std::string& text, std::vector<std::string> names,
                                   const std::filesystem::path& file);

}  // namespace deltascape::store
