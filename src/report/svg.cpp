// Owns the map as an SVG document.
#include <algorithm>
#include <cmath>

#include "report/palette.h"
#include "report/svg_text.h"
#include "report/table.h"
#include "report/text.h"

namespace deltascape::report {
namespace {

constexpr double kWidth = 1120, kHeight = 800;
constexpr double kLeft = 40, kTop = 96, kPlotWidth = 800, kPlotHeight = 664;
constexpr double kLegendLeft = 880;
constexpr std::size_t kMostNamed = 80;   // points whose names are written
constexpr std::size_t kMostLabels = 28;  // legend lines
constexpr double kLetter = 6.2;          // width of a column at font size 11

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

bool meets_any(const Box& box, const std::vector<Box>& taken) {
  return std::any_of(taken.begin(), taken.end(), [&](const Box& other) { return other.meets(box); });
}

// Where a name may stand: the room it is thought to take, and where its start, middle or end lies.
struct Place {
  Box box;
  double x;
  const char* anchor;
};

struct Spot {
  double x = 0, y = 0;
  std::size_t style = 0;
};

std::string mark(const Spot& spot, const char* colour, std::size_t shape, bool hollow) {
  const double x = spot.x, y = spot.y, r = 5.5;
  const std::string paint = hollow ? " fill=\"#fff\" stroke=\"" + std::string(colour) + "\" stroke-width=\"1.5\""
                                   : " fill=\"" + std::string(colour) + "\" stroke=\"#fff\" stroke-width=\"1\"";
  const auto polygon = [&](std::initializer_list<std::pair<double, double>> corners) {
    std::string out = "<polygon points=\"";
    for (const auto& [dx, dy] : corners) out += svg_number(x + dx * r) + "," + svg_number(y + dy * r) + " ";
    out.back() = '"';
    return out + paint + ">";
  };
  switch (shape) {
    case 1: return polygon({{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}});
    case 2: return polygon({{0, -1.15}, {1.1, 0.85}, {-1.1, 0.85}});
    case 3: return polygon({{0, -1.25}, {1.25, 0}, {0, 1.25}, {-1.25, 0}});
    default:
      return "<circle cx=\"" + svg_number(x) + "\" cy=\"" + svg_number(y) + "\" r=\"" + svg_number(r) + "\"" + paint +
             ">";
  }
}

std::string close_tag(std::size_t shape) { return shape == 0 ? "</circle>" : "</polygon>"; }

std::string mark_of(const Spot& spot, bool labelled, bool hollow, const std::string& title) {
  const std::size_t shape = labelled ? spot.style / kColours.size() % kShapes : 0;
  const char* colour = labelled ? kColours[spot.style % kColours.size()] : kNoLabelColour;
  std::string out = mark(spot, colour, shape, hollow);
  if (!title.empty()) out += "<title>" + escape_markup(title) + "</title>";
  return out + close_tag(shape) + "\n";
}

// Names beside their points, where they meet neither points nor other names.
std::string names(const MapData& data, const std::vector<Spot>& spots) {
  std::vector<Box> taken;
  for (const Spot& s : spots) taken.push_back({s.x - 7, s.y - 7, s.x + 7, s.y + 7});
  std::string out;
  for (std::size_t i = 0; i < spots.size(); ++i) {
    const std::string text = elide(data.points[i].name, 32);
    const double width = kLetter * static_cast<double>(display_width(text)), x = spots[i].x, y = spots[i].y;
    const Place places[] = {{{x + 9, y - 7, x + 9 + width, y + 6}, x + 9, "start"},
                            {{x - 9 - width, y - 7, x - 9, y + 6}, x - 9, "end"},
                            {{x - width / 2, y - 21, x + width / 2, y - 8}, x, "middle"},
                            {{x - width / 2, y + 8, x + width / 2, y + 21}, x, "middle"}};
    for (const auto& [box, anchor_x, anchor] : places) {
      if (box.left < 8 || box.right > kLegendLeft - 12 || box.top < kTop - 20) continue;
      if (meets_any(box, taken)) continue;
      taken.push_back(box);
      out += svg_text(anchor_x, box.bottom - 2.5, text,
                      std::string(" font-size=\"11\" fill=\"#3B424C\" text-anchor=\"") + anchor + "\"");
      break;
    }
  }
  return out;
}

std::string legend(const std::vector<LabelCount>& labels, bool clusters) {
  std::string out;
  double y = kTop + 12;
  if (clusters) {
    out += svg_text(kLegendLeft - 6, y + 4, "clusters, by their most central member",
                    " font-size=\"12.5\" fill=\"#68707B\"");
    y += 22;
  }
  for (std::size_t n = 0; n < labels.size() && n < kMostLabels; ++n, y += 22) {
    const bool labelled = !labels[n].label.empty();
    out += mark_of({kLegendLeft, y, n}, labelled, false, "");
    out += svg_text(kLegendLeft + 14, y + 4,
                    labelled   ? elide(labels[n].label, 24)
                    : clusters ? "no cluster"
                               : "no label",
                    " font-size=\"12.5\" fill=\"#1C2126\"");
    out += svg_text(kWidth - 28, y + 4, std::to_string(labels[n].count),
                    " font-size=\"12.5\" fill=\"#68707B\" text-anchor=\"end\"");
  }
  if (labels.size() > kMostLabels)
    out += svg_text(kLegendLeft, y + 4, "and " + std::to_string(labels.size() - kMostLabels) + " more",
                    " font-size=\"12.5\" fill=\"#68707B\"");
  return out;
}

std::string subtitle(const MapData& data) {
  const std::size_t n = data.points.size();
  std::string out = std::to_string(n) + (n == 1 ? " variant" : " variants") + "  ·  " + data.representation + "  ·  " +
                    data.projection;
  if (data.silhouette)
    out += "  ·  silhouette " + decimals(*data.silhouette, 3) + (data.silhouette_sampled ? " (sampled)" : "");
  return out;
}

}  // namespace

std::vector<LabelCount> labels_of(const MapData& data) {
  std::map<std::string, std::size_t> counts;
  for (const MapPoint& point : data.points) ++counts[point.group];
  std::vector<LabelCount> out;
  for (const auto& [label, count] : counts) out.push_back({label, count});
  std::stable_sort(out.begin(), out.end(), [](const LabelCount& a, const LabelCount& b) {
    if (a.label.empty() != b.label.empty()) return b.label.empty();
    return a.count > b.count;
  });
  return out;
}

std::string map_svg(const MapData& data) {
  const std::vector<LabelCount> labels = labels_of(data);
  std::vector<Spot> spots;
  double wide = 1e-9, high = 1e-9;
  for (const MapPoint& point : data.points) {
    wide = std::max(wide, std::fabs(point.x));
    high = std::max(high, std::fabs(point.y));
  }
  // One scale for both axes: distances mean something.
  const double scale = std::min((kPlotWidth / 2 - 24) / wide, (kPlotHeight / 2 - 24) / high);
  for (const MapPoint& point : data.points) {
    const auto style =
        std::find_if(labels.begin(), labels.end(), [&](const auto& l) { return l.label == point.group; });
    spots.push_back({kLeft + kPlotWidth / 2 + point.x * scale, kTop + kPlotHeight / 2 - point.y * scale,
                     static_cast<std::size_t>(style - labels.begin())});
  }
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1120\" height=\"800\" viewBox=\"0 0 1120 800\" "
      "font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" role=\"img\">\n<title>" +
      escape_markup(data.title) + "</title>\n<rect width=\"1120\" height=\"800\" fill=\"#fff\"/>\n";
  out += svg_text(28, 40, elide(data.title, 84), " font-size=\"21\" font-weight=\"600\" fill=\"#1C2126\"");
  out += svg_text(28, 64, subtitle(data), " font-size=\"13\" fill=\"#68707B\"");
  for (std::size_t i = 0; i < spots.size(); ++i) {
    const MapPoint& point = data.points[i];
    out += mark_of(spots[i], labels.size() == 1 || !point.group.empty(), point.no_effect,
                   point.name + (point.label.empty() ? "" : " (" + point.label + ")"));
  }
  if (spots.size() <= kMostNamed) out += names(data, spots);
  if (labels.size() > 1 || !labels.front().label.empty()) out += legend(labels, data.colour == MapColour::kCluster);
  return out + "</svg>\n";
}

}  // namespace deltascape::report
