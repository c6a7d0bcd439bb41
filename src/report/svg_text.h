// Owns how numbers and words are written into an SVG.
#pragma once

#include <string>

#include "report/text.h"

namespace deltascape::report {

inline std::string svg_number(double value) { return decimals(value, 1); }

// attributes: with a blank before each.
inline std::string svg_text(double x, double y, const std::string& text, const std::string& attributes) {
  return "<text x=\"" + svg_number(x) + "\" y=\"" + svg_number(y) + "\"" + attributes + ">" + escape_markup(text) +
         "</text>\n";
}

}  // namespace deltascape::report
