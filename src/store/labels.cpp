// Reading label files.
#include "store/labels.h"

#include <algorithm>

#include "deltascape/error.h"
#include "deltascape/models.h"
#include "io/file.h"
#include "io/utf8.h"

namespace deltascape {
namespace {

constexpr std::size_t kMaxLabelsBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxRows = 2'000'000;  // a row of two letters takes a hundred bytes of memory

bool is_blank(const std::vector<std::string>& row) {
  return std::all_of(row.begin(), row.end(),
                     [](const std::string& field) { return field.find_first_not_of(" \t") == std::string::npos; });
}

}  // namespace

std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& file) {
  text = io::without_byte_order_mark(text);
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  std::size_t line = 1;
  const auto end_row = [&] {
    if (rows.size() == kMaxRows)
      throw Error(ErrorCode::kBadFile, "more rows than are read",
                  {.path = file, .field = "", .expected = std::to_string(kMaxRows), .found = ""});
    row.push_back(std::move(field));
    rows.push_back(std::move(row));
    field.clear();
    row.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && field.empty()) {
      const std::size_t opened = line;
      for (++i;; ++i) {
        if (i >= text.size())
          throw Error(ErrorCode::kBadFile, "the quote opened on line " + std::to_string(opened) + " is never closed",
                      {.path = file, .field = "", .expected = "", .found = ""});
        if (text[i] == '\n') ++line;
        if (text[i] != '"') field += text[i];
        else if (i + 1 < text.size() && text[i + 1] == '"') field += text[i++];
        else break;
      }
    } else if (text[i] == ',') {
      row.push_back(std::move(field));
      field.clear();
    } else if (text[i] == '\n') {
      ++line;
      end_row();
    } else if (text[i] != '\r' || (i + 1 < text.size() && text[i + 1] != '\n')) {
      field += text[i];
    }
  }
  if (!field.empty() || !row.empty()) end_row();
  return rows;
}

std::map<std::string, std::string> read_labels(const std::string& file) {
  const auto rows = parse_csv(io::read_text(file, kMaxLabelsBytes), file);
  std::map<std::string, std::string> labels;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    if (is_blank(row) || (i == 0 && row == std::vector<std::string>{"name", "label"})) continue;
    if (row.size() != 2)
      throw Error(ErrorCode::kBadFile, "every row is name,label; put a field with a comma in quotes",
                  {.path = file,
                   .field = "row " + std::to_string(i + 1),
                   .expected = "2 fields",
                   .found = std::to_string(row.size())});
    const auto [at, added] = labels.emplace(row[0], row[1]);
    if (!added && at->second != row[1])
      throw Error(ErrorCode::kBadFile, "'" + row[0] + "' has two labels; keep one",
                  {.path = file, .field = "row " + std::to_string(i + 1), .expected = at->second, .found = row[1]});
  }
  return labels;
}

}  // namespace deltascape
