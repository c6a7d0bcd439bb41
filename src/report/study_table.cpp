#include "report/study_table.h"

#include <algorithm>

#include "report/line_plot.h"
#include "report/text.h"

namespace deltascape::report {
namespace {

using Cell = StudyTable::Cell;

std::string text_of(const Cell& cell, int digits) {
  return report::text_of(cell, [digits](double value) { return decimals(value, digits); });
}

nlohmann::ordered_json json_of(const Cell& cell) {
  if (const auto* words = std::get_if<std::string>(&cell)) return *words;
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return *whole;
  if (const auto* real = std::get_if<double>(&cell)) return *real;
  return nullptr;
}

std::optional<double> number_of(const Cell& cell) {
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&cell)) return *real;
  return {};
}

}  // namespace

std::string text_of(const Cell& cell, const std::function<std::string(double)>& real) {
  if (const auto* words = std::get_if<std::string>(&cell)) return *words;
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return std::to_string(*whole);
  const auto* value = std::get_if<double>(&cell);
  return value == nullptr ? std::string() : real(*value);
}

PageSection question_section(const StudyTable& table) {
  PageTable out{.head = table.columns, .rows = {}};
  for (const auto& row : table.rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row) cells.push_back(text_of(cell, 3));
    out.rows.push_back(std::move(cells));
  }
  PageSection section{
      .title = table.title, .text = table.text, .tables = {{"", std::move(out)}}, .pictures = {}, .more = {}};
  if (const auto plot = plot_of(table)) section.pictures.push_back({table.title, plot->name});
  return section;
}

std::string csv_of(const StudyTable& table) {
  std::string out;
  const auto line = [&](const auto& cells, const auto& text) {
    for (std::size_t i = 0; i < cells.size(); ++i) out += (i > 0 ? "," : "") + csv_field(text(cells[i]));
    out += "\n";
  };
  line(table.columns, [](const std::string& name) { return name; });
  for (const auto& row : table.rows) line(row, [](const Cell& cell) { return text_of(cell, 6); });
  return out;
}

nlohmann::ordered_json json_of(const StudyTable& table) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& row : table.rows) {
    nlohmann::ordered_json object;
    for (std::size_t i = 0; i < row.size(); ++i) object[table.columns[i]] = json_of(row[i]);
    out.push_back(std::move(object));
  }
  return out;
}

std::optional<Document> plot_of(const StudyTable& table) {
  LinePlot plot{.title = table.title, .x_title = table.columns.front(), .y_title = "share"};
  for (const auto& row : table.rows) {
    const auto at = number_of(row.front());
    if (!at || (!plot.at.empty() && *at <= plot.at.back())) return {};
    plot.at.push_back(*at);
  }
  if (table.drawn.empty() || plot.at.size() < 2) return {};
  for (const std::string& name : table.drawn) {
    const auto column = static_cast<std::size_t>(std::ranges::find(table.columns, name) - table.columns.begin());
    Line line{.name = name, .values = {}};
    for (const auto& row : table.rows) line.values.push_back(number_of(row.at(column)));
    plot.lines.push_back(std::move(line));
  }
  return Document{"plots/" + table.name + ".svg", line_plot_svg(plot)};
}

}  // namespace deltascape::report
