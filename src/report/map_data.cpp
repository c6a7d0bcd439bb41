// Owns gathering what a map shows.
#include <algorithm>
#include <cstdio>

#include "deltascape/error.h"
#include "landscape/embedding_rows.h"
#include "landscape/silhouette.h"
#include "report/map.h"
#include "store/names.h"
#include "store/store.h"

namespace deltascape::report {
namespace {

std::string short_number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

std::string describe(const store::Space& c) {
  return c.representation + ", layer " + c.parameter("layer") + ", " +
         (c.parameter("position") == "last" ? std::string("last token") : c.parameter("position") + " of tokens");
}

std::string describe(const landscape::Layout& layout, landscape::Metric metric) {
  if (layout.method == landscape::ProjectionMethod::kTsne)
    return "t-SNE, perplexity " + short_number(layout.perplexity) +
           (metric == landscape::Metric::kCosine ? ", cosine" : ", euclidean");
  std::string out = "PCA";
  if (layout.explained.size() == 2 && layout.explained[0] > 0)
    out += ", " + short_number(100 * layout.explained[0]) + " % and " + short_number(100 * layout.explained[1]) +
           " % of the variance";
  return out;
}

void find_neighbours(const std::vector<store::Record>& records, const MapOptions& options,
                     std::vector<MapPoint>& points) {
  const landscape::EmbeddingRows rows = landscape::unit_rows(records, options.projection.row);
  landscape::for_each_product_row(rows, [&](std::size_t i, std::span<const double> cosines) {
    if (rows.zero[i]) return;
    std::vector<std::size_t> order;
    for (std::size_t j = 0; j < rows.count; ++j)
      if (j != i && !rows.zero[j]) order.push_back(j);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(options.neighbours, order.size()));
    std::partial_sort(order.begin(), end, order.end(),
                      [&](auto a, auto b) { return cosines[a] != cosines[b] ? cosines[a] > cosines[b] : a < b; });
    for (auto j = order.begin(); j != end; ++j)
      points[i].neighbours.push_back({*j, std::clamp(cosines[*j], -1.0, 1.0)});
  });
}

}  // namespace

namespace {

// What the marks stand for: asked for, else labels where there are any, else clusters where there are any.
MapColour colour_of(const std::vector<store::Record>& records, MapColour asked) {
  const auto clustered = [](const store::Record& r) { return r.cluster.has_value(); };
  const bool clusters = std::ranges::any_of(records, clustered);
  if (asked == MapColour::kCluster && !clusters)
    throw Error(ErrorCode::kUsage, "the store keeps no clusters of these variants; run `deltascape cluster` first");
  if (asked != MapColour::kAuto) return asked;
  const bool labels = std::ranges::any_of(records, [](const auto& r) { return !r.label.empty(); });
  return clusters && !labels ? MapColour::kCluster : MapColour::kLabel;
}

}  // namespace

MapData make_map(const std::vector<store::Record>& records, const MapOptions& options) {
  if (records.empty())
    throw Error(ErrorCode::kUsage, "there is nothing to map: the store holds no variant; `deltascape embed` adds some");
  store::require_comparable(records);
  const landscape::Layout layout = landscape::project(records, options.projection);
  MapData out;
  const store::Space& common = records.front().space;
  out.base = common.base_name.empty() ? common.base : store::short_base(common.base_name);
  out.title = options.title.empty() ? "Landscape of " + out.base : options.title;
  out.representation = describe(common);
  out.colour = colour_of(records, options.colour);
  out.projection = describe(layout, options.projection.metric);
  if (const auto s = landscape::silhouette(records, options.projection.row)) out.silhouette = s->average;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const store::Record& r = records[i];
    MapPoint point;
    point.name = r.name;
    point.label = r.label;
    point.cluster = r.cluster_name;
    point.group = out.colour == MapColour::kCluster ? r.cluster_name : r.label;
    point.path = r.path;
    point.x = layout.points[i].x;
    point.y = layout.points[i].y;
    point.norm = r.norm;
    point.relative_norm = store::known_relative_norm(r);
    point.no_effect = r.no_effect;
    out.points.push_back(std::move(point));
  }
  find_neighbours(records, options, out.points);
  return out;
}

}  // namespace deltascape::report
