// The ways to the plane that projection.h offers, on rows of numbers.
#pragma once

#include "landscape/neighbour_lists.h"
#include "landscape/projection.h"

namespace deltascape::landscape {

struct Principal {
  std::vector<Point> scores;     // rows on the two directions of the largest variance
  double explained[2] = {0, 0};  // their share of the variance
};
// The rows' mean row is taken off first. Signs: the largest score of each axis is positive. `tolerance`: of the
// residuals, as a share of the largest singular value; a start for t-SNE or UMAP needs little.
Principal principal_axes(const Rows& rows, double tolerance = 1e-9);

// A layout to begin with: scaled to this standard deviation along x, with a jitter of a hundredth of it that breaks
// ties between equal places.
std::vector<Point> scaled_start(const std::vector<Point>& layout, double deviation, std::uint64_t seed);

struct TsneOptions {
  double perplexity = 30;
  int iterations = 1000;
};
inline constexpr double kTsneStart = 1e-4, kUmapStart = 5;  // deviations to begin with

// Exact t-SNE of squared distances [count, count]; `start` gives the layout it begins with. At least five points.
std::vector<Point> tsne(const std::vector<float>& squared_distances, const std::vector<Point>& start,
                        const TsneOptions& options);

// Distances to the nearest rows, nearest first, of every row: what t-SNE and UMAP of many rows are made of.
struct NearDistances {
  std::size_t count = 0;  // rows
  const NeighbourLists* of = nullptr;
  std::vector<double> distance;  // [count, of->each]
};
// Barnes-Hut t-SNE (van der Maaten 2014): what is far away repels as a whole, and neighbours alone attract, three times
// the perplexity of them.
std::vector<Point> barnes_hut_tsne(const NearDistances& near, const std::vector<Point>& start,
                                   const TsneOptions& options);

// UMAP (McInnes, Healy and Melville 2018) with a least distance of 0.1.
std::vector<Point> umap(const NearDistances& near, const std::vector<Point>& start, std::uint64_t seed);

}  // namespace deltascape::landscape
