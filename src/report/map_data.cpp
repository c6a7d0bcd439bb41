// Gathers what a map shows.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/text.h"
#include "deltascape/error.h"
#include "deltascape/map.h"
#include "io/file.h"
#include "landscape/embedding_rows.h"
#include "landscape/neighbour_lists.h"
#include "landscape/silhouette.h"
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
  if (c.parameter("layer").empty()) return store::representation_of(c);
  return c.representation + ", layer " + c.parameter("layer") + ", " +
         (c.parameter("position") == "last" ? std::string("last token") : c.parameter("position") + " of tokens");
}

std::string describe(const landscape::Layout& layout, landscape::Metric metric) {
  const std::string distance = metric == landscape::Metric::kCosine ? ", cosine" : ", euclidean";
  // Where not every pair was compared: how many of the nearest were found.
  const std::string found =
      layout.neighbours.found
          ? ", " + short_number(std::floor(1000 * *layout.neighbours.found) / 10) + " % of the neighbours found"
          : "";
  if (layout.method == landscape::ProjectionMethod::kTsne)
    return "t-SNE, perplexity " + short_number(layout.perplexity) + distance + found;
  if (layout.method == landscape::ProjectionMethod::kUmap)
    return "UMAP, " + std::to_string(layout.neighbours.each) + " neighbours" + distance + found;
  std::string out = "PCA";
  if (layout.explained.size() == 2 && layout.explained[0] > 0)
    out += ", " + short_number(100 * layout.explained[0]) + " % and " + short_number(100 * layout.explained[1]) +
           " % of the variance";
  return out;
}

// Neighbours of those with an effect, from the layout's own where it has enough of them.
void find_neighbours(const landscape::Rows& rows, const MapOptions& options, const landscape::Layout& layout,
                     std::vector<MapPoint>& points) {
  std::vector<std::size_t> keep;
  for (std::size_t i = 0; i < rows.count; ++i)
    if (!rows.is_zero(i)) keep.push_back(i);
  const bool have = keep.size() == rows.count && layout.neighbours.each >= options.neighbours &&
                    options.projection.metric == landscape::Metric::kCosine;
  const landscape::NeighbourLists own =
      have ? landscape::NeighbourLists()
           : landscape::nearest_rows(landscape::Subset(rows, keep).rows(), options.neighbours);
  const landscape::NeighbourLists& lists = have ? layout.neighbours : own;
  for (std::size_t i = 0; i < keep.size(); ++i)
    for (std::size_t n = i * lists.each; n < i * lists.each + std::min(lists.each, options.neighbours); ++n)
      points[keep[i]].neighbours.push_back({keep[lists.index[n]], std::clamp(lists.product[n], -1.0, 1.0)});
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

// The names of the bases of a space that several share; the first record's in a space of one base.
std::vector<std::string> bases_of(const std::vector<store::Record>& records) {
  std::vector<std::string> out;
  for (const store::Record& r : records) {
    std::string base = store::short_base(r.space.base_name);
    if (!base.empty() && std::ranges::find(out, base) == out.end()) out.push_back(std::move(base));
    if (!r.space.base.empty()) break;
  }
  return out;
}

}  // namespace

MapData make_map(const std::vector<store::Record>& records, const MapOptions& options) {
  if (records.empty())
    throw Error(ErrorCode::kUsage, "there is nothing to map: the store holds no variant; `deltascape embed` adds some");
  store::require_comparable(records);
  const landscape::Layout layout = landscape::project(records, options.projection);
  MapData out;
  const store::Space& common = records.front().space;
  const std::vector<std::string> bases = bases_of(records);
  out.base = bases.empty() ? common.base : listed(bases);
  out.title = options.title.empty() ? "Landscape of " + out.base : options.title;
  out.representation = describe(common);
  out.colour = colour_of(records, options.colour);
  out.projection = describe(layout, options.projection.metric);
  const landscape::Rows rows = landscape::unit_rows(records, options.projection.row);
  if (const auto s = landscape::silhouette(records, rows)) {
    out.silhouette = s->average;
    out.silhouette_sampled = s->sampled > 0;
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    const store::Record& r = records[i];
    MapPoint point;
    point.name = r.name;
    point.label = r.label;
    point.cluster = r.cluster_name;
    point.group = out.colour == MapColour::kCluster ? r.cluster_name : r.label;
    point.path = r.path;
    if (bases.size() > 1) point.base = store::short_base(r.space.base_name);
    point.x = layout.points[i].x;
    point.y = layout.points[i].y;
    point.norm = r.norm;
    point.relative_norm = store::known_relative_norm(r);
    point.no_effect = r.no_effect;
    out.points.push_back(std::move(point));
  }
  find_neighbours(rows, options, layout, out.points);
  return out;
}

MapColour map_colour(const std::string& name) {
  if (name == "auto") return MapColour::kAuto;
  if (name == "label") return MapColour::kLabel;
  if (name == "cluster") return MapColour::kCluster;
  throw Error(ErrorCode::kUsage, "no such colouring",
              {.field = option("colour"), .expected = "auto, label or cluster", .found = name});
}

void check_map_file(const std::filesystem::path& file) {
  const std::string suffix = file.extension().string();
  if (suffix == ".html" || suffix == ".svg") return;
  throw Error(ErrorCode::kUsage,
              suffix == ".png" ? "PNG maps are not there yet: write an .svg" : "a map is written as .html or .svg",
              {.path = file.string(), .expected = "F.html or F.svg"});
}

void write_map(const MapData& data, const std::filesystem::path& file) {
  check_map_file(file);
  io::write_file_atomically(file, std::string_view(file.extension() == ".svg" ? map_svg(data) : map_html(data)));
}

}  // namespace deltascape::report
