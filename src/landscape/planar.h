// Owns the two ways to the plane that projection.h offers, on rows of numbers.
#pragma once

#include "landscape/embedding_rows.h"
#include "landscape/projection.h"

namespace deltascape::landscape {

struct Principal {
  std::vector<Point> scores;     // rows on the two directions of the largest variance
  double explained[2] = {0, 0};  // their share of the variance
};
// The rows' mean row is taken off first. Signs: the largest score of each axis is positive. At most `rounds` steps
// of refinement: a start for t-SNE needs few.
Principal principal_axes(EmbeddingRows rows, int rounds = 200);

// Exact t-SNE of squared distances [count, count]; `start` gives the layout it begins with. At least five points.
struct TsneOptions {
  double perplexity = 30;
  int iterations = 1000;
  std::uint64_t seed = 0;
};
std::vector<Point> tsne(const std::vector<float>& squared_distances, const std::vector<Point>& start,
                        const TsneOptions& options);

}  // namespace deltascape::landscape
