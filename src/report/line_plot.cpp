#include "report/line_plot.h"

#include <algorithm>
#include <cmath>

#include "report/palette.h"
#include "report/svg_text.h"

namespace deltascape::report {
namespace {

constexpr double kWidth = 880, kHeight = 460;
constexpr double kLeft = 72, kTop = 84, kRight = 660, kBottom = 400;
constexpr double kLegendLeft = 684;
constexpr const char* kDashes[] = {"", "7 4", "2 3", "9 3 2 3"};
constexpr const char* kInk = " font-size=\"12\" fill=\"#3B424C\"";

// 1, 2 or 5 times a power of ten: about `count` steps.
double nice_step(double range, double count) {
  const double raw = range / count, power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw) return factor * power;
  return 10 * power;
}

std::string tick_label(double value, double step) {
  return decimals(std::fabs(value) < step / 2 ? 0 : value, step < 0.1 ? 2 : step < 1 ? 1 : 0);
}

std::string stroke(std::size_t line) {
  const char* dash = kDashes[line / kColours.size() % std::size(kDashes)];
  return " stroke=\"" + std::string(kColours[line % kColours.size()]) + "\" stroke-width=\"2\" fill=\"none\"" +
         (*dash ? " stroke-dasharray=\"" + std::string(dash) + "\"" : "");
}

class Plot {
 public:
  explicit Plot(const LinePlot& plot) : plot_(plot), low_(plot.low), high_(plot.high) {
    for (const Line& line : plot.lines) {
      count_ = std::max(count_, line.values.size());
      for (const auto& value : line.values)
        if (value) low_ = std::min(low_, *value), high_ = std::max(high_, *value);
    }
    if (high_ <= low_) high_ = low_ + 1;
    from_ = plot.at.empty() ? 0 : plot.at.front();
    to_ = plot.at.empty() ? static_cast<double>(std::max<std::size_t>(count_, 2) - 1) : plot.at.back();
    if (to_ <= from_) to_ = from_ + 1;
  }

  std::string svg() const {
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"880\" height=\"460\" viewBox=\"0 0 880 460\" "
           "font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\" role=\"img\">\n<title>" +
           escape_markup(plot_.title) + "</title>\n<rect width=\"880\" height=\"460\" fill=\"#fff\"/>\n" +
           svg_text(28, 36, elide(plot_.title, 80), " font-size=\"19\" font-weight=\"600\" fill=\"#1C2126\"") +
           svg_text(28, 58, elide(plot_.subtitle, 110), " font-size=\"13\" fill=\"#68707B\"") + axes() + lines() +
           legend() + "</svg>\n";
  }

 private:
  double x(double value) const { return kLeft + (kRight - kLeft) * (value - from_) / (to_ - from_); }
  double place(std::size_t i) const { return plot_.at.empty() ? static_cast<double>(i) : plot_.at[i]; }
  double y(double value) const { return kBottom - (kBottom - kTop) * (value - low_) / (high_ - low_); }

  std::string axes() const {
    std::string out;
    const double y_step = nice_step(high_ - low_, 5);
    for (double v = std::ceil(low_ / y_step - 1e-9) * y_step; v <= high_ + 1e-9 * y_step; v += y_step) {
      out += rule(kLeft, y(v), kRight, y(v), std::fabs(v) < y_step / 2 ? "#8A8F98" : "#E3E6EA");
      out += svg_text(kLeft - 8, y(v) + 4, tick_label(v, y_step), std::string(kInk) + " text-anchor=\"end\"");
    }
    const double x_step = std::max(1.0, nice_step(to_ - from_, 10));
    for (double v = std::ceil(from_ / x_step - 1e-9) * x_step; v <= to_; v += x_step) {
      out += rule(x(v), kBottom, x(v), kBottom + 5, "#8A8F98");
      out += svg_text(x(v), kBottom + 20, tick_label(v, x_step), std::string(kInk) + " text-anchor=\"middle\"");
    }
    out += svg_text((kLeft + kRight) / 2, kBottom + 42, plot_.x_title, std::string(kInk) + " text-anchor=\"middle\"");
    return out + "<g transform=\"translate(22 " + svg_number((kTop + kBottom) / 2) + ") rotate(-90)\">" +
           svg_text(0, 0, plot_.y_title, std::string(kInk) + " text-anchor=\"middle\"") + "</g>\n";
  }

  static std::string rule(double x1, double y1, double x2, double y2, const char* colour) {
    return "<path d=\"M" + svg_number(x1) + " " + svg_number(y1) + "L" + svg_number(x2) + " " + svg_number(y2) +
           "\" stroke=\"" + colour + "\"/>\n";
  }

  std::string lines() const {
    std::string out;
    for (std::size_t l = 0; l < plot_.lines.size(); ++l) {
      std::string path;
      bool joined = false;
      for (std::size_t i = 0; i < plot_.lines[l].values.size(); ++i) {
        const auto& value = plot_.lines[l].values[i];
        if (value) path += (joined ? "L" : "M") + svg_number(x(place(i))) + " " + svg_number(y(*value));
        joined = value.has_value();
      }
      if (!path.empty())
        out += "<path d=\"" + path + "\"" + stroke(l) + " stroke-linejoin=\"round\"><title>" +
               escape_markup(plot_.lines[l].name) + "</title></path>\n";
    }
    return out;
  }

  std::string legend() const {
    std::string out;
    for (std::size_t l = 0; l < plot_.lines.size(); ++l) {
      const double at = kTop + 12 + 24 * static_cast<double>(l);
      out += "<path d=\"M" + svg_number(kLegendLeft) + " " + svg_number(at) + "h26\"" + stroke(l) + "/>\n";
      out += svg_text(kLegendLeft + 34, at + 4, elide(plot_.lines[l].name, 24), " font-size=\"12.5\" fill=\"#1C2126\"");
    }
    return out;
  }

  const LinePlot& plot_;
  double low_, high_, from_, to_;  // of y, of x
  std::size_t count_ = 0;
};

}  // namespace

std::string line_plot_svg(const LinePlot& plot) { return Plot(plot).svg(); }

}  // namespace deltascape::report
