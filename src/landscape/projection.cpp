#include "landscape/projection.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "deltascape/error.h"
#include "landscape/embedding_rows.h"
#include "landscape/kernels.h"
#include "landscape/lloyd.h"
#include "landscape/planar.h"
#include "landscape/products.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostForExact = 2000;  // a second or two on two cores; the time grows with the square
constexpr double kStartTolerance = 1e-3;
constexpr std::size_t kFewest = 5;  // below, the plane holds the distances (nearly) as they are

// Distances as t-SNE takes their squares. The cosine distance of unit rows is half the square of their euclidean
// distance: it is taken as it is.
class Distances {
 public:
  Distances(const Rows& rows, Metric metric) : squares_(metric == Metric::kCosine ? 0 : rows.count) {
    const std::vector<double> none(rows.width);
    for (std::size_t i = 0; i < squares_.size(); ++i)
      squares_[i] =
          squared_length(rows.row(i), rows.scale[i], rows.shift.empty() ? none.data() : rows.shift.data(), rows.width);
  }
  double squared(std::size_t i, std::size_t j, double product) const {
    return std::max(0.0, squares_.empty() ? 1 - product : squares_[i] + squares_[j] - 2 * product);
  }
  std::span<const double> squares() const { return squares_; }  // of the rows' lengths; empty for cosine distance

 private:
  std::vector<double> squares_;
};

std::vector<float> squared_distances(const Rows& rows, const Distances& distances) {
  std::vector<float> out(rows.count * rows.count);
  for_each_lower_tile(rows, [&](const Tile& tile) {
    for (std::size_t i = tile.first_row; i < tile.first_row + tile.rows; ++i)
      for (std::size_t j = tile.first_column; j < std::min(i, tile.first_column + tile.columns); ++j)
        out[i * rows.count + j] = out[j * rows.count + i] =
            static_cast<float>(distances.squared(i, j, tile.row(i - tile.first_row)[j - tile.first_column]));
  });
  return out;
}

// The k nearest of each row into out.neighbours, and how far away they are.
NearDistances near_distances(const Rows& rows, const Distances& distances, std::size_t k, Layout& out) {
  out.neighbours = nearest_rows(rows, k, distances.squares());
  NearDistances near{rows.count, &out.neighbours, std::vector<double>(out.neighbours.index.size())};
  for (std::size_t n = 0; n < near.distance.size(); ++n)
    near.distance[n] =
        std::sqrt(distances.squared(n / out.neighbours.each, out.neighbours.index[n], out.neighbours.product[n]));
  return near;
}

// The longer axis lies flat, as screens and pages do.
void lay_flat(std::vector<Point>& points) {
  double xx = 0, yy = 0, xy = 0, mean_x = 0, mean_y = 0;
  for (const Point& p : points) {
    mean_x += p.x / static_cast<double>(points.size());
    mean_y += p.y / static_cast<double>(points.size());
  }
  for (const Point& p : points) {
    xx += (p.x - mean_x) * (p.x - mean_x);
    yy += (p.y - mean_y) * (p.y - mean_y);
    xy += (p.x - mean_x) * (p.y - mean_y);
  }
  const double angle = 0.5 * std::atan2(2 * xy, xx - yy), c = std::cos(angle), s = std::sin(angle);
  for (Point& p : points) p = {c * p.x + s * p.y, c * p.y - s * p.x};
}

void normalise(std::vector<Point>& points) {
  if (points.empty()) return;
  const auto [left, right] =
      std::minmax_element(points.begin(), points.end(), [](auto& a, auto& b) { return a.x < b.x; });
  const auto [low, high] =
      std::minmax_element(points.begin(), points.end(), [](auto& a, auto& b) { return a.y < b.y; });
  const Point middle = {(left->x + right->x) / 2, (low->y + high->y) / 2};
  const double half = std::max(right->x - left->x, high->y - low->y) / 2;
  for (Point& p : points) p = half > 0 ? Point{(p.x - middle.x) / half, (p.y - middle.y) / half} : Point{};
}

Layout by_pca(const Rows& rows) {
  Principal axes = principal_axes(rows);
  Layout out;
  out.method = ProjectionMethod::kPca;
  out.points = std::move(axes.scores);
  out.explained = {axes.explained[0], axes.explained[1]};
  return out;
}

Layout by_tsne(const Rows& rows, const ProjectionOptions& options, const std::vector<Point>& start) {
  Layout out;
  out.perplexity = std::clamp(options.perplexity, 1.0, std::max(1.0, static_cast<double>(rows.count - 1) / 3));
  const TsneOptions wanted{.perplexity = out.perplexity, .iterations = options.iterations};
  const Distances distances(rows, options.metric);
  const std::vector<Point> from = scaled_start(start, kTsneStart, options.seed);
  if (rows.count <= kMostForExact) {
    out.points = tsne(squared_distances(rows, distances), from, wanted);
  } else {
    const auto each = static_cast<std::size_t>(std::ceil(3 * out.perplexity));
    out.points = barnes_hut_tsne(near_distances(rows, distances, each, out), from, wanted);
  }
  return out;
}

Layout by_umap(const Rows& rows, const ProjectionOptions& options, const std::vector<Point>& start) {
  Layout out;
  out.method = ProjectionMethod::kUmap;
  const Distances distances(rows, options.metric);
  out.points = umap(near_distances(rows, distances, options.neighbours, out),
                    scaled_start(start, kUmapStart, options.seed), options.seed);
  return out;
}

}  // namespace

std::vector<Point> scaled_start(const std::vector<Point>& layout, double deviation, std::uint64_t seed) {
  double squares = 0;
  for (const Point& point : layout) squares += point.x * point.x;
  const double scale = squares > 0 ? deviation / std::sqrt(squares / static_cast<double>(layout.size())) : 0;
  std::mt19937_64 random(seed);
  const auto jitter = [&] { return (2 * uniform(random) - 1) * deviation / 100; };
  std::vector<Point> out;
  for (const Point& point : layout) {
    const double x = point.x * scale + jitter();
    out.push_back({x, point.y * scale + jitter()});
  }
  return out;
}

Layout project(const Rows& rows, const ProjectionOptions& options) {
  Layout out;
  if (options.method == ProjectionMethod::kPca || rows.count < kFewest) {
    out = by_pca(rows);
  } else {
    const std::vector<Point> start = principal_axes(rows, kStartTolerance).scores;
    out = options.method == ProjectionMethod::kTsne ? by_tsne(rows, options, start) : by_umap(rows, options, start);
    lay_flat(out.points);
  }
  normalise(out.points);
  return out;
}

Layout project(const std::vector<store::Record>& records, const ProjectionOptions& options) {
  const bool unit = options.method != ProjectionMethod::kPca && options.metric == Metric::kCosine;
  return project(unit ? unit_rows(records, options.row) : centred_rows(records, options.row), options);
}

ProjectionMethod projection_method(const std::string& name) {
  if (name == "tsne") return ProjectionMethod::kTsne;
  if (name == "umap") return ProjectionMethod::kUmap;
  if (name == "pca") return ProjectionMethod::kPca;
  throw Error(ErrorCode::kUsage, option("projection") + " is not known",
              {.expected = "tsne, umap or pca", .found = name});
}

}  // namespace deltascape::landscape
