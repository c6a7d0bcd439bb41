// Owns the embeddings of many records as float64 rows, of length one or centred, ready for dot products.
#pragma once

#include <functional>

#include "landscape/similarity.h"

namespace deltascape::landscape {

struct EmbeddingRows {
  std::size_t count = 0;       // rows, one a record
  std::size_t width = 0;       // values from row to row: dim, padded with zeros
  std::vector<double> values;  // [count, width]
  std::vector<bool> zero;      // rows of embeddings without effect: all zero
};

// Error(kMismatch) when the records are not comparable.
EmbeddingRows unit_rows(const std::vector<store::Record>& records, Row row = {});
// The rows `keep` alone, in that order.
EmbeddingRows subset(const EmbeddingRows& rows, const std::vector<std::size_t>& keep);

// The chosen rows as they are, their mean row taken off.
EmbeddingRows centred_rows(const std::vector<store::Record>& records, Row row = {});

// Calls use(i, dot products of row i with every row) once a row, from several threads, in no order; for unit rows
// these are cosines (a rounding error may leave [-1, 1]), 0 for zero rows. The N² products are never all in memory.
void for_each_product_row(const EmbeddingRows& rows,
                          const std::function<void(std::size_t, std::span<const double>)>& use);

// sklearn's cosine distance, clipped to [0, 1] (docs/design.md §5.4).
inline double cosine_distance(double cosine) { return cosine >= 1 ? 0 : cosine <= 0 ? 1 : 1 - cosine; }

}  // namespace deltascape::landscape
