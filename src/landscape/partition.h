// Groups among unit rows: spherical k-means, average linkage, and how well a grouping fits.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "landscape/rows.h"

namespace deltascape::landscape {

using Partition = std::vector<std::size_t>;  // the group of each row, 0 … k-1, none empty

// Spherical k-means: rows go to the centre of the largest cosine; the best of so many k-means++ starts, of more than
// 10000 rows the best for 10000 of them. 1 ≤ k ≤ count.
inline constexpr int kStarts = 10;
Partition spherical_kmeans(const Rows& rows, std::size_t k, std::uint64_t seed, int starts = kStarts);

// The whole tree of average linkage on cosine distance: nearest-neighbour chain, O(N²) time, 4 N² bytes.
struct Merge {
  std::size_t a = 0, b = 0;  // rows that stand for the two groups
  double height = 0;
};
std::vector<Merge> average_linkage(const Rows& rows);  // in order of height
Partition cut(const std::vector<Merge>& tree, std::size_t count, std::size_t k);

// Silhouettes (Rousseeuw 1987) on cosine distance in [0, 1], as sklearn.metrics has them; 0 for a row that is alone.
// Exact up to 20000 rows in one partition, and beyond where no cosine can be negative: then the distances to a group
// add up to its size less the product with its sum. What the clip of negative cosines changes is else measured on a
// sample of rows, each against all others; where there are too many groups for that, the sample stands for all.
struct Fit {
  double average = 0;
  double error = 0;                         // two standard errors of the sample
  std::size_t sampled = 0;                  // rows of the sample; 0: exact
  std::vector<double> groups;               // average of each group
  std::vector<std::optional<double>> rows;  // of each row; empty for those that the sample leaves out
};
// One a partition; of several the products are taken once. Empty for one group, or for as many as rows.
std::vector<std::optional<Fit>> fits(const Rows& rows, const std::vector<Partition>& partitions);

}  // namespace deltascape::landscape
