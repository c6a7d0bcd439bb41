// Owns plots of lines over numbers, such as a measure by layer, as SVG.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace deltascape::report {

struct Line {
  std::string name;
  std::vector<std::optional<double>> values;  // a gap where there is none
};

struct LinePlot {
  std::string title, subtitle;
  std::string x_title, y_title;
  std::vector<double> at;    // x of the lines' values, ascending; empty: 0, 1, …
  double low = 0, high = 1;  // of y; values beyond widen it
  std::vector<Line> lines;
};

// A complete SVG document, light background; lines are told apart by colour and dash, and named in a legend.
std::string line_plot_svg(const LinePlot& plot);

}  // namespace deltascape::report
