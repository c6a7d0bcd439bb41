#include "report/table.h"

#include <algorithm>
#include <cassert>

#include "report/text.h"

namespace deltascape::report {
namespace {

constexpr std::size_t kGap = 2;         // blanks between columns
constexpr std::size_t kNarrowest = 12;  // a cell is not elided below this

std::size_t total_width(const std::vector<std::size_t>& widths) {
  std::size_t total = widths.empty() ? 0 : kGap * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  return total;
}

// Takes columns off the widest left-aligned ones until the line fits.
void fit(std::vector<std::size_t>& widths, const std::vector<Column>& columns, std::size_t width) {
  while (total_width(widths) > width) {
    std::size_t widest = widths.size();
    for (std::size_t c = 0; c < widths.size(); ++c)
      if (columns[c].align == Align::kLeft && widths[c] > kNarrowest &&
          (widest == widths.size() || widths[c] > widths[widest]))
        widest = c;
    if (widest == widths.size()) return;  // nothing left to take: the terminal wraps
    --widths[widest];
  }
}

void append_cell(std::string& line, const std::string& cell, std::size_t width, Align align) {
  const std::string shown = elide(cell, width);
  const std::string blanks(width - std::min(width, display_width(shown)), ' ');
  line += align == Align::kLeft ? shown + blanks : blanks + shown;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add(std::vector<std::string> cells) {
  assert(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render(const TableOptions& options) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    widths.push_back(display_width(columns_[c].title));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], display_width(row[c]));
  }
  if (options.width > 0) fit(widths, columns_, options.width);

  std::string out;
  const auto append_line = [&](const auto& cell_of, bool bold) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) line.append(kGap, ' ');
      append_cell(line, cell_of(c), widths[c], columns_[c].align);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += bold ? "\x1b[1m" + line + "\x1b[0m\n" : line + "\n";
  };
  append_line([&](std::size_t c) { return columns_[c].title; }, options.colour);
  for (const auto& row : rows_) append_line([&](std::size_t c) { return row[c]; }, false);
  return out;
}

}  // namespace deltascape::report
