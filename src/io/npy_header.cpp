// Owns parsing and writing the Python dict literal at the head of a .npy array.
#include "io/npy_header.h"

#include <charconv>
#include <string>
#include <utility>

#include "deltascape/error.h"

namespace deltascape::io {
namespace {

constexpr std::size_t kMaxDimensions = 64;  // NPY_MAXDIMS

class Parser {
 public:
  Parser(std::string_view text, const std::filesystem::path& file, const std::string& array)
      : rest_(text), file_(file), array_(array) {}

  NpyHeader header() {
    NpyHeader out;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(descr, true)) out.descr = type();
      else if (key == "fortran_order" && !std::exchange(order, true)) out.fortran_order = boolean();
      else if (key == "shape" && !std::exchange(shape, true)) out.shape = tuple();
      else fail("its header has an unexpected or repeated key " + key.substr(0, 40));
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip();
    if (!rest_.empty()) fail("its header goes on after the dict");
    if (!descr || !order || !shape) fail("its header lacks descr, fortran_order or shape");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorCode::kBadFile, message, {.path = file_.string(), .field = array_, .expected = {}, .found = {}});
  }
  void skip() {
    const std::size_t end = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
  }
  bool accept(char c) {
    skip();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("its header is not a dict literal: '") + c + "' is missing");
  }
  std::string quoted() {
    skip();
    const char quote = rest_.empty() ? '\0' : rest_[0];
    const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) fail("its header has no text where one is expected");
    std::string out(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return out;
  }
  std::string type() {
    skip();
    if (rest_.starts_with('[')) fail("it is a structured array; only plain numbers and texts are read");
    return quoted();
  }
  bool boolean() {
    skip();
    for (const auto& [word, value] :
         {std::pair{std::string_view("True"), true}, std::pair{std::string_view("False"), false}})
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(word.size());
        return value;
      }
    fail("its header's fortran_order is neither True nor False");
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> out;
    expect('(');
    while (!accept(')')) {
      skip();
      std::int64_t size = -1;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc() || size < 0 || out.size() >= kMaxDimensions)
        fail("its header's shape is not a tuple of sizes");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      if (rest_.starts_with('L')) rest_.remove_prefix(1);  // Python 2 wrote long integers so
      out.push_back(size);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }

  std::string_view rest_;
  const std::filesystem::path& file_;
  const std::string& array_;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text, const std::filesystem::path& file, const std::string& array) {
  return Parser(text, file, array).header();
}

std::string format_npy_header(const std::string& descr, const std::vector<std::int64_t>& shape) {
  std::string sizes;
  for (const std::int64_t size : shape) sizes += (sizes.empty() ? "" : ", ") + std::to_string(size);
  if (shape.size() == 1) sizes += ',';  // a Python tuple of one
  std::string dict = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + sizes + "), }";
  // The whole header is a multiple of 64 and ends in a newline, so that the values are aligned.
  const std::size_t fixed = 10;
  dict.append((64 - (fixed + dict.size() + 1) % 64) % 64, ' ');
  dict += '\n';
  const auto length = static_cast<std::uint16_t>(dict.size());  // 64 dimensions of 20 digits still fit
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  out += static_cast<char>(length & 0xFF);
  out += static_cast<char>(length >> 8);
  return out + dict;
}

}  // namespace deltascape::io
