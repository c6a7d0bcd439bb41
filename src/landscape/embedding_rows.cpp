#include "landscape/embedding_rows.h"

#include <algorithm>

#include "store/store.h"

namespace deltascape::landscape {
namespace {

Rows rows_of(const std::vector<store::Record>& records, Row row) {
  store::require_comparable(records);
  Rows out = empty_rows(records.size(), records.empty() ? 0 : static_cast<std::size_t>(records.front().dim));
  for (std::size_t i = 0; i < out.count; ++i)
    std::ranges::copy(embedding(records[i], row), out.values.begin() + static_cast<std::ptrdiff_t>(i * out.width));
  return out;
}

}  // namespace

Rows unit_rows(const std::vector<store::Record>& records, Row row) {
  Rows out = rows_of(records, row);
  make_unit(out);
  return out;
}

Rows centred_rows(const std::vector<store::Record>& records, Row row) {
  Rows out = rows_of(records, row);
  centre(out);
  return out;
}

}  // namespace deltascape::landscape
