// Owns the map as one HTML document: page/ filled with the data, under a policy that lets nothing else in.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "deltascape/map.h"
#include "report/page.h"
#include "report/text.h"

namespace deltascape::report {
namespace {

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

// Five digits: more than a person reads, less than a double's seventeen.
double shortened(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", value);
  return std::strtod(text, nullptr);
}

nlohmann::json json_of(const MapData& data) {
  nlohmann::json models = nlohmann::json::array();
  for (const MapPoint& p : data.points) {
    nlohmann::json near = nlohmann::json::array();
    for (const MapNeighbour& n : p.neighbours) near.push_back({n.index, rounded(n.cosine, 1e4)});
    models.push_back({{"name", printable(p.name)},
                      {"label", printable(p.label)},
                      {"cluster", printable(p.cluster)},
                      {"group", printable(p.group)},
                      {"path", printable(p.path)},
                      {"base", printable(p.base)},
                      {"x", rounded(p.x, 1e4)},
                      {"y", rounded(p.y, 1e4)},
                      {"norm", shortened(p.norm)},
                      {"relative", p.relative_norm ? nlohmann::json(shortened(*p.relative_norm)) : nlohmann::json()},
                      {"noEffect", p.no_effect},
                      {"near", std::move(near)}});
  }
  nlohmann::json out = {{"title", printable(data.title)},
                        {"base", printable(data.base)},
                        {"representation", printable(data.representation)},
                        {"projection", printable(data.projection)},
                        {"silhouette", nullptr},
                        {"silhouetteSampled", data.silhouette_sampled},
                        {"colour", data.colour == MapColour::kCluster ? "cluster" : "label"},
                        {"models", std::move(models)}};
  if (data.silhouette) out["silhouette"] = rounded(*data.silhouette, 1e4);
  return out;
}

// JSON that cannot end the <script> it lies in: < > & stand only inside its strings, where \u escapes mean the same.
std::string json_in_html(const nlohmann::json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    switch (c) {
      case '<': out += "\\u003c"; break;
      case '>': out += "\\u003e"; break;
      case '&': out += "\\u0026"; break;
      default: out += c;
    }
  }
  return out;
}

// The template with each {{KEY}} replaced once, in one pass: what is put in is not looked at again.
std::string filled(std::string_view page, const std::vector<std::pair<std::string, std::string>>& values) {
  std::string out;
  while (true) {
    const std::size_t open = page.find("{{");
    if (open == std::string_view::npos) return out.append(page);
    const std::size_t close = page.find("}}", open);
    out.append(page.substr(0, open));
    const std::string_view key = page.substr(open + 2, close - open - 2);
    for (const auto& [name, value] : values)
      if (name == key) out += value;
    page.remove_prefix(close + 2);
  }
}

}  // namespace

std::string map_html(const MapData& data) {
  const std::string json = json_in_html(json_of(data));
  const std::string script = std::string(embedded::kPalette_js)
                                 .append(embedded::kChart_js)
                                 .append(embedded::kPanel_js)
                                 .append(embedded::kMap_js);
  return filled(embedded::kMap_html, {{"NONCE", Hasher().update(json).update(script).hex()},
                                      {"TITLE", escape_markup(data.title)},
                                      {"STYLE", std::string(embedded::kMap_css)},
                                      {"DATA", json},
                                      {"SCRIPT", script}});
}

}  // namespace deltascape::report
