// Owns text tables for a terminal: plain, aligned by what characters take on screen (CJK and emoji are two wide).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::report {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

struct TableOptions {
  std::size_t width = 0;  // of the terminal; longer cells of the widest left-aligned column are elided. 0: unlimited
  bool colour = false;    // bold titles (ANSI); the caller knows NO_COLOR and whether this is a terminal
};

class Table {
 public:
  explicit Table(std::vector<Column> columns);
  // Missing cells are empty; control characters in cells are shown escaped. More cells than columns is a bug.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // Lines that end in '\n', titles first; no trailing blanks.
  std::string render(const TableOptions& options = {}) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns that UTF-8 text takes on a terminal; a broken byte takes one.
std::size_t display_width(std::string_view text);

}  // namespace deltascape::report
