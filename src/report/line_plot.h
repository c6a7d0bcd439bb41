// Owns plots of lines over whole numbers, such as a measure by layer, as SVG.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace deltascape::report {

struct Line {
  std::string name;
  std::vector<std::optional<double>> values;  // at x = 0, 1, …; a gap where there is none
};

struct LinePlot {
  std::string title, subtitle;
  std::string x_title, y_title;
  double low = 0, high = 1;  // of y; values beyond widen it
  std::vector<Line> lines;
};

// A complete SVG document, light background; lines are told apart by colour and dash, and named in a legend.
std::string line_plot_svg(const LinePlot& plot);

}  // namespace deltascape::report
