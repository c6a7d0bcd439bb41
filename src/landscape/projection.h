// Owns placing N embeddings in the plane: PCA, and exact t-SNE (van der Maaten and Hinton 2008).
#pragma once

#include "landscape/similarity.h"

namespace deltascape::landscape {

enum class ProjectionMethod { kTsne, kPca };
enum class Metric { kCosine, kEuclidean };

struct ProjectionOptions {
  ProjectionMethod method = ProjectionMethod::kTsne;
  Metric metric = Metric::kCosine;  // what t-SNE keeps: cosine distance, or euclidean
  double perplexity = 30;           // clipped to (N-1)/3, at least 1
  int iterations = 1000;
  std::uint64_t seed = 0;  // breaks ties where PCA gives t-SNE no start
  Row row = {};
};

struct Point {
  double x = 0, y = 0;
};

struct Layout {
  std::vector<Point> points;  // one a record, in their order; centred, the larger half-width is 1
  ProjectionMethod method = ProjectionMethod::kTsne;
  double perplexity = 0;          // used, 0 for PCA
  std::vector<double> explained;  // PCA: share of the variance on x and on y; empty for t-SNE
};

// Deterministic. Any N ≥ 0; below 5 PCA stands in for t-SNE (method says so); t-SNE is O(N²) a step and refuses
// N > 10000 with Error(kUsage).
// Zero embeddings sit at cosine distance 1 from everything.
Layout project(const std::vector<store::Record>& records, const ProjectionOptions& options = {});

}  // namespace deltascape::landscape
