#include "landscape/projection.h"

#include <algorithm>
#include <cmath>

#include "deltascape/error.h"
#include "landscape/planar.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostForTsne = 10000;  // 800 MB of distances and probabilities
constexpr int kStartRounds = 20;
constexpr std::size_t kFewestForTsne = 5;  // below, the plane holds the distances (nearly) as they are

std::vector<float> squared_distances(const EmbeddingRows& rows, Metric metric) {
  std::vector<double> squares(rows.count);
  for (std::size_t i = 0; i < rows.count; ++i)
    for (std::size_t d = 0; d < rows.width; ++d)
      squares[i] += rows.values[i * rows.width + d] * rows.values[i * rows.width + d];
  std::vector<float> out(rows.count * rows.count);
  for_each_product_row(rows, [&](std::size_t i, std::span<const double> products) {
    // The cosine distance of unit rows is half the square of their euclidean distance: t-SNE takes it as it is.
    for (std::size_t j = 0; j < rows.count; ++j)
      out[i * rows.count + j] =
          static_cast<float>(i == j                      ? 0.0
                             : metric == Metric::kCosine ? std::max(0.0, 1 - products[j])
                                                         : std::max(0.0, squares[i] + squares[j] - 2 * products[j]));
  });
  return out;
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

Layout by_pca(EmbeddingRows rows) {
  Principal axes = principal_axes(std::move(rows));
  Layout out;
  out.method = ProjectionMethod::kPca;
  out.points = std::move(axes.scores);
  out.explained = {axes.explained[0], axes.explained[1]};
  return out;
}

}  // namespace

Layout project(const std::vector<store::Record>& records, const ProjectionOptions& options) {
  const bool flat = options.method == ProjectionMethod::kPca;
  if (!flat && records.size() > kMostForTsne)
    throw Error(ErrorCode::kUsage, "too many variants for exact t-SNE; use --projection pca, or select fewer",
                {.path = {},
                 .field = {},
                 .expected = "at most " + std::to_string(kMostForTsne),
                 .found = std::to_string(records.size())});
  const bool unit = !flat && options.metric == Metric::kCosine;
  EmbeddingRows rows = unit ? unit_rows(records, options.row) : centred_rows(records, options.row);
  Layout out;
  if (flat || rows.count < kFewestForTsne) {
    out = by_pca(std::move(rows));
  } else {
    const double most = std::max(1.0, static_cast<double>(rows.count - 1) / 3);
    out.method = ProjectionMethod::kTsne;
    out.perplexity = std::clamp(options.perplexity, 1.0, most);
    const std::vector<float> distances = squared_distances(rows, options.metric);
    out.points = tsne(distances, principal_axes(std::move(rows), kStartRounds).scores,
                      {.perplexity = out.perplexity, .iterations = options.iterations, .seed = options.seed});
    lay_flat(out.points);
  }
  normalise(out.points);
  return out;
}

}  // namespace deltascape::landscape
