// Owns finding groups among unit rows: spherical k-means and average linkage, and how well a grouping fits.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "landscape/embedding_rows.h"

namespace deltascape::landscape {

using Partition = std::vector<std::size_t>;  // the group of each row, 0 … k-1, none empty

// Spherical k-means: rows go to the centre of the largest cosine; the best of ten k-means++ starts. 1 ≤ k ≤ count.
Partition spherical_kmeans(const EmbeddingRows& rows, std::size_t k, std::uint64_t seed);

// The whole tree of average linkage on cosine distance (nearest-neighbour chain, O(N²) time and memory).
struct Merge {
  std::size_t a = 0, b = 0;  // rows that stand for the two groups
  double height = 0;
};
std::vector<Merge> average_linkage(const EmbeddingRows& rows);  // in order of height
Partition cut(const std::vector<Merge>& tree, std::size_t count, std::size_t k);

// Average silhouette of each partition, as scikit-learn's on cosine distance; empty for one group or count groups.
std::vector<std::optional<double>> fits(const EmbeddingRows& rows, const std::vector<Partition>& partitions);

}  // namespace deltascape::landscape
