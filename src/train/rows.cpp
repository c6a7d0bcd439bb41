#include "train/rows.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"
#include "io/stand_in.h"
#include "io/utf8.h"
#include "train/columns.h"

namespace deltascape::training {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxLine = std::size_t{1} << 20, kFar = std::size_t{16} << 20;

struct Place {
  const fs::path& file;
  std::int64_t line;

  std::string name() const { return "line " + std::to_string(line); }
  [[noreturn]] void fail(const std::string& field, const std::string& message, const std::string& expected = "",
                         const std::string& found = "") const {
    throw Error(ErrorCode::kBadFile, message,
                {.path = file.string(),
                 .field = name() + (field.empty() ? "" : ": " + field),
                 .expected = expected,
                 .found = found});
  }
};

void require_utf8(std::string_view text, const Place& place) {
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t before = rest.size();
    // U+FFFD itself takes three bytes.
    if (io::take_utf8(rest) == io::kReplacement && before - rest.size() == 1)
      place.fail("", "invalid UTF-8 at byte " + std::to_string(text.size() - before));
  }
}

std::string text_of(const io::JsonFields& fields, const char* key) {
  const auto text = fields.string(key);
  if (!text) fields.fail(key, "a text");
  return *text;
}

std::string completion_of(const io::JsonFields& fields, const char* key, const Place& place) {
  std::string text = text_of(fields, key);
  if (text.empty()) place.fail(key, "an empty text: there is nothing to learn or to compare");
  return text;
}

void read_choices(const io::JsonFields& fields, const char* key, const Place& place, Row& row) {
  const io::Json* choices = fields.find(key);
  if (choices == nullptr || !choices->is_array() || choices->empty()) fields.fail(key, "a list of texts");
  for (const io::Json& choice : *choices) {
    if (!choice.is_string() || choice.get_ref<const std::string&>().empty())
      place.fail(key, "a choice is empty or not a text");
    row.completions.push_back(choice.get<std::string>());
  }
  const io::Json* answer = fields.find("answer");
  if (answer == nullptr) fields.fail("answer", "a choice's number, from 0, or its text");
  if (answer->is_string()) {
    const auto& text = answer->get_ref<const std::string&>();
    const auto found = std::ranges::find(row.completions, text);
    if (found == row.completions.end()) place.fail("answer", "none of the choices", "", text);
    row.answer = static_cast<std::size_t>(found - row.completions.begin());
    return;
  }
  const std::int64_t number = fields.required_integer("answer");
  if (number < 0 || number >= static_cast<std::int64_t>(row.completions.size()))
    place.fail("answer", "no such choice", "0 to " + std::to_string(row.completions.size() - 1),
               std::to_string(number));
  row.answer = static_cast<std::size_t>(number);
}

io::Json parsed(std::string_view text, const Place& place) {
  try {
    return io::parse_json(text, {});
  } catch (const Error& e) {
    place.fail("", e.what());
  }
}

// Takes rows one after the other: the first says how the fields are called.
class RowReader {
 public:
  RowReader(const fs::path& file, RowKind kind) : file_(file), kind_(kind) {}
  Row read(std::string_view text, std::int64_t line);
  const Columns& columns() const { return *columns_; }

 private:
  std::string prompt_of(const io::JsonFields& fields) const {
    if (!columns_->alpaca) return text_of(fields, columns_->prompt.c_str());
    return alpaca_prompt(text_of(fields, "instruction"), fields.string("input").value_or(""));
  }

  const fs::path& file_;
  RowKind kind_;
  std::optional<Columns> columns_;
};

Row RowReader::read(std::string_view text, std::int64_t line) {
  const Place place{file_, line};
  require_utf8(text, place);
  const io::Json json = parsed(text, place);
  if (!json.is_object()) place.fail("", "not a JSON object");
  const io::JsonFields fields(json, file_, place.name() + ": ");
  if (!columns_) columns_ = columns_of(fields, kind_);
  Row row{.line = line, .prompt = prompt_of(fields), .completions = {}};
  switch (kind_) {
    case RowKind::kCompletion: row.completions = {completion_of(fields, columns_->completion.c_str(), place)}; break;
    case RowKind::kPreference:
      row.completions = {completion_of(fields, "chosen", place), completion_of(fields, "rejected", place)};
      break;
    case RowKind::kChoice: read_choices(fields, columns_->choices.c_str(), place, row); break;
  }
  return row;
}

// The text up to `end`; refused where it is longer than a row may be. No more of a hostile file is looked at than it
// takes to say so.
template <class Find>
std::string_view bounded(std::string_view rest, const Place& place, Find end_in) {
  const std::string_view near = rest.substr(0, kMaxLine + 2);
  std::size_t end = end_in(near);
  if (end == near.npos && near.size() == rest.size()) end = rest.size();
  if (end != near.npos && end <= kMaxLine) return rest.substr(0, end);
  const std::string_view far = rest.substr(0, kFar);
  end = std::min(end_in(far), far.size());
  place.fail("", (end == kFar ? "a line of more than " : "a line of ") + std::to_string(end) + " bytes",
             "at most " + std::to_string(kMaxLine));
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Where a JSON value ends: before the ',' or ']' that closes it in its list. npos: not in this text.
std::size_t end_of_value(std::string_view text) {
  std::size_t open = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') quoted = true;
    else if (c == '[' || c == '{') ++open;
    else if (open == 0 && (c == ',' || c == ']')) return i;
    else if ((c == ']' || c == '}') && open > 0) --open;
  }
  return text.npos;
}

// A list of rows: [{…}, {…}], over as many lines as it likes.
class ListOfRows {
 public:
  ListOfRows(std::string_view text, const fs::path& file) : rest_(text), file_(file) {
    skip_blanks();
    rest_.remove_prefix(1);  // '['
  }
  // The next row's text and line; nothing at the end of the list.
  std::optional<std::pair<std::string_view, std::int64_t>> next() {
    skip_blanks();
    if (first_ && rest_.starts_with(']')) return end();
    if (!first_) {
      if (rest_.starts_with(']')) return end();
      if (!rest_.starts_with(',')) Place{file_, line_}.fail("", "the JSON list ends here without a ']'");
      rest_.remove_prefix(1);
      skip_blanks();
    }
    first_ = false;
    const std::int64_t line = line_;
    const std::string_view text = bounded(rest_, {file_, line}, end_of_value);
    line_ += std::ranges::count(text, '\n');
    rest_.remove_prefix(text.size());
    return std::pair(text, line);
  }

 private:
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) {
      line_ += rest_.front() == '\n' ? 1 : 0;
      rest_.remove_prefix(1);
    }
  }
  std::nullopt_t end() {
    rest_.remove_prefix(1);
    skip_blanks();
    if (!rest_.empty()) Place{file_, line_}.fail("", "something follows the JSON list");
    return std::nullopt;
  }

  std::string_view rest_;
  const fs::path& file_;
  std::int64_t line_ = 1;
  bool first_ = true;
};

std::vector<Row> rows_of_list(std::string_view text, RowReader& reader, const fs::path& file, std::int64_t most) {
  std::vector<Row> out;
  ListOfRows list(text, file);
  while (most == 0 || std::ssize(out) < most) {
    const auto next = list.next();
    if (!next) break;
    out.push_back(reader.read(next->first, next->second));
  }
  return out;
}

std::vector<Row> rows_of_lines(std::string_view rest, RowReader& reader, const fs::path& file, std::int64_t most) {
  std::vector<Row> out;
  for (std::int64_t line = 1; !rest.empty() && (most == 0 || std::ssize(out) < most); ++line) {
    std::string_view text = bounded(rest, {file, line}, [](std::string_view in) { return in.find('\n'); });
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.find_first_not_of(" \t") != text.npos) out.push_back(reader.read(text, line));
  }
  return out;
}

void refuse_other_kinds(std::string_view text, const fs::path& file) {
  const char* kind = text.starts_with("PAR1")       ? "a Parquet file"
                     : text.starts_with("ARROW1")   ? "an Arrow file"
                     : text.starts_with("\x1f\x8b") ? "compressed with gzip"
                     : text.starts_with("PK\x03")   ? "a zip archive"
                                                    : nullptr;
  if (kind != nullptr)
    throw Error(ErrorCode::kBadFile, std::string("this is ") + kind + ": write its rows as JSONL",
                {.path = file.string(), .expected = "a JSON object a line, or a list of them"});
}

}  // namespace

std::vector<Row> read_rows(const fs::path& file, RowKind kind, std::int64_t most, std::string* told) {
  // Mapped, so that a file without line ends costs no memory before its first line is refused.
  const auto mapped = io::MappedFile::open(file);
  io::refuse_stand_in(mapped->bytes(), file);
  const std::string_view text =
      io::without_byte_order_mark({reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()});
  refuse_other_kinds(text, file);
  RowReader reader(file, kind);
  const auto first = std::ranges::find_if_not(text, is_blank);
  const bool list = first != text.end() && *first == '[';
  std::vector<Row> out = list ? rows_of_list(text, reader, file, most) : rows_of_lines(text, reader, file, most);
  if (out.empty()) throw Error(ErrorCode::kBadFile, "no example in this file", {.path = file.string()});
  if (told != nullptr) *told = reader.columns().told;
  return out;
}

}  // namespace deltascape::training
