// Places N embeddings in the plane: PCA, t-SNE (van der Maaten and Hinton 2008) and UMAP (McInnes et al. 2018).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/similarity.h"

namespace deltascape::landscape {

enum class ProjectionMethod { kTsne, kPca, kUmap };
enum class Metric { kCosine, kEuclidean };

// tsne, pca, umap. Error(kUsage) for another name.
ProjectionMethod projection_method(const std::string& name);

struct ProjectionOptions {
  ProjectionMethod method = ProjectionMethod::kTsne;
  Metric metric = Metric::kCosine;  // what t-SNE and UMAP keep: cosine distance, or euclidean
  double perplexity = 30;           // of t-SNE; clipped to (N-1)/3, at least 1
  int iterations = 1000;            // of t-SNE
  std::size_t neighbours = 15;      // of UMAP
  std::uint64_t seed = 0;           // of ties where PCA gives no start, and of the pairs that UMAP draws
  Row row = {};
};

struct Point {
  double x = 0, y = 0;
};

// The nearest rows of every row.
struct NeighbourLists {
  std::size_t each = 0;              // neighbours of a row
  std::vector<std::uint32_t> index;  // [rows, each], nearest first; of equally near ones the first
  std::vector<double> product;       // [rows, each], with each
  // Share of the nearest that are in the lists, measured on a sample of rows; empty: the lists are exact.
  std::optional<double> found;
};

struct Layout {
  std::vector<Point> points;  // one a record, in their order; centred, the larger half-width is 1
  ProjectionMethod method = ProjectionMethod::kTsne;
  double perplexity = 0;          // used by t-SNE, else 0
  std::vector<double> explained;  // PCA: share of the variance on x and on y; else empty
  // What t-SNE of many records, or UMAP, was made of: the nearest by the metric; else of none. `each` is 0 then.
  NeighbourLists neighbours;
};

// Deterministic. Any N ≥ 0; below 5 PCA stands in for the others (method says so). t-SNE is exact up to 2000 records,
// and Barnes-Hut's beyond. Zero embeddings sit at cosine distance 1 from everything.
Layout project(const std::vector<store::Record>& records, const ProjectionOptions& options = {});

}  // namespace deltascape::landscape
