#include "train/rows.h"

#include <algorithm>
#include <string_view>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/json.h"
#include "io/utf8.h"

namespace deltascape::training {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxLine = std::size_t{1} << 20;

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

void read_choices(const io::JsonFields& fields, const Place& place, Row& row) {
  const io::Json* choices = fields.find("choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) fields.fail("choices", "a list of texts");
  for (const io::Json& choice : *choices) {
    if (!choice.is_string() || choice.get_ref<const std::string&>().empty())
      place.fail("choices", "a choice is no text, or empty");
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

Row read_row(std::string_view text, RowKind kind, const Place& place) {
  if (text.size() > kMaxLine)
    place.fail("", "a line of " + std::to_string(text.size()) + " bytes", "at most " + std::to_string(kMaxLine));
  require_utf8(text, place);
  const io::Json json = parsed(text, place);
  if (!json.is_object()) place.fail("", "not a JSON object");
  const io::JsonFields fields(json, place.file, place.name() + ": ");
  Row row{.line = place.line, .prompt = text_of(fields, "prompt"), .completions = {}};
  switch (kind) {
    case RowKind::kCompletion: row.completions = {completion_of(fields, "completion", place)}; break;
    case RowKind::kPreference:
      row.completions = {completion_of(fields, "chosen", place), completion_of(fields, "rejected", place)};
      break;
    case RowKind::kChoice: read_choices(fields, place, row); break;
  }
  return row;
}

}  // namespace

std::vector<Row> read_rows(const fs::path& file, RowKind kind, std::int64_t most) {
  // Mapped, so that a file without line ends costs no memory before its first line is refused.
  const auto mapped = io::MappedFile::open(file);
  std::string_view rest =
      io::without_byte_order_mark({reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()});
  std::vector<Row> out;
  for (std::int64_t line = 1; !rest.empty() && (most == 0 || std::ssize(out) < most); ++line) {
    std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.find_first_not_of(" \t") != text.npos) out.push_back(read_row(text, kind, {file, line}));
  }
  if (out.empty()) throw Error(ErrorCode::kBadFile, "no example in this file", {.path = file.string()});
  return out;
}

}  // namespace deltascape::training
