#include "landscape/embedding_rows.h"

#include <algorithm>

namespace deltascape::landscape {

Rows plain_rows(const std::vector<store::Record>& records, Row row) {
  store::require_comparable(records);
  Rows out = empty_rows(records.size(), records.empty() ? 0 : static_cast<std::size_t>(records.front().dim));
  for (std::size_t i = 0; i < out.count; ++i)
    std::ranges::copy(embedding(records[i], row), out.values.begin() + static_cast<std::ptrdiff_t>(i * out.width));
  return out;
}

Rows rows_of(const store::Embeddings& embeddings) {
  const auto dim = static_cast<std::size_t>(embeddings.dim);
  Rows out = empty_rows(embeddings.facts.size(), dim);
  for (std::size_t i = 0; i < out.count; ++i)
    std::copy_n(embeddings.vectors.begin() + static_cast<std::ptrdiff_t>(i * dim), dim,
                out.values.begin() + static_cast<std::ptrdiff_t>(i * out.width));
  return out;
}

Rows unit_rows(const std::vector<store::Record>& records, Row row) {
  Rows out = plain_rows(records, row);
  make_unit(out);
  return out;
}

Rows centred_rows(const std::vector<store::Record>& records, Row row) {
  Rows out = plain_rows(records, row);
  centre(out);
  return out;
}

}  // namespace deltascape::landscape
