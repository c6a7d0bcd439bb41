// The map of a landscape (docs/design.md §4.4 `map`): what it shows, drawn as SVG or as one self-contained HTML page.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/projection.h"
#include "deltascape/record.h"

namespace deltascape::report {

struct MapNeighbour {
  std::size_t index = 0;  // into MapData::points
  double cosine = 0;
};

enum class MapColour { kAuto, kLabel, kCluster };  // kAuto: labels where there are any, else kept clusters

struct MapPoint {
  std::string name, label, path;
  std::string cluster;  // named by its most central member
  std::string base;     // in short, where the map has several; else empty
  std::string group;    // label or cluster: what its mark stands for; empty: none
  double x = 0, y = 0;  // in [-1, 1], y up
  double norm = 0;
  std::optional<double> relative_norm;
  bool no_effect = false;
  std::vector<MapNeighbour> neighbours;  // nearest first
};

struct MapData {
  std::string title;           // "" : "Landscape of BASE"
  std::string base;            // name of the base, or names of several
  std::string representation;  // "activations · last · last"
  std::string projection;      // "t-SNE, perplexity 30, cosine"
  std::optional<double> silhouette;
  bool silhouette_sampled = false;       // too many variants for all pairs
  MapColour colour = MapColour::kLabel;  // never kAuto
  std::vector<MapPoint> points;
};

struct MapOptions {
  landscape::ProjectionOptions projection = {};
  std::string title;           // empty: made from the base's name
  std::size_t neighbours = 8;  // a point
  MapColour colour = MapColour::kAuto;
};

// Projects, finds neighbours and the silhouette. Error(kUsage) without records, kMismatch when not comparable.
MapData make_map(const std::vector<store::Record>& records, const MapOptions& options = {});

// auto, label, cluster. Error(kUsage) for another name.
MapColour map_colour(const std::string& name);

// A complete SVG document, light background, legend of labels or clusters.
std::string map_svg(const MapData& data);
// A complete HTML document: no network, no eval, works from file://.
std::string map_html(const MapData& data);
// Error(kUsage) for a file that does not end in .html or .svg: before the work.
void check_map_file(const std::filesystem::path& file);
// As its ending says.
void write_map(const MapData& data, const std::filesystem::path& file);

}  // namespace deltascape::report
