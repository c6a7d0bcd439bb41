// The nearest rows of every row: what maps, t-SNE, UMAP and the comparison with labels read.
#pragma once

#include <span>

#include "deltascape/projection.h"
#include "landscape/rows.h"

namespace deltascape::landscape {

// The k rows, or all others, with the largest product; with `squares` (x·x of each row) those that are the least far
// away. Exact up to 20000 rows. Of more, a row is compared with those of the cells near it alone: cells as k-means
// makes them, about √N of them. Deterministic, and two to ten times as fast as hierarchical graphs (HNSW), whose
// building runs on one thread where it has to give the same graph every time.
NeighbourLists nearest_rows(const Rows& rows, std::size_t k, std::span<const double> squares = {});

}  // namespace deltascape::landscape
