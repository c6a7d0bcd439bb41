#include "text/detokenizer.h"

#include "text/pre_tokenizer.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

// The byte of "<0x0A>"; -1 for another token.
int byte_of(std::string_view token) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  const std::size_t high = kDigits.find(token[3]), low = kDigits.find(token[4]);
  return high == std::string_view::npos || low == std::string_view::npos ? -1 : static_cast<int>(high * 16 + low);
}

// A token with a character that stands for no byte is text as it is.
std::string from_byte_level(std::string_view token) {
  static const auto bytes = [] {
    std::unordered_map<std::string_view, char> out;
    for (std::size_t byte = 0; byte < 256; ++byte) out.emplace(byte_characters()[byte], static_cast<char>(byte));
    return out;
  }();
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    const std::size_t length = utf8_length(token[at]);
    const auto found = bytes.find(token.substr(at, length));
    if (found == bytes.end()) return std::string(token);
    out += found->second;
    at += length;
  }
  return out;
}

}  // namespace

std::string text_of(const TokenForm& form, std::string_view token) {
  if (form.byte_level) return from_byte_level(token);
  if (const int byte = form.byte_tokens ? byte_of(token) : -1; byte >= 0)
    return std::string(1, static_cast<char>(byte));
  const bool ends = !form.word_end.empty() && token.ends_with(form.word_end);
  if (ends) token.remove_suffix(form.word_end.size());
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    const bool space = token.substr(at).starts_with(kSpace);
    out += space ? ' ' : token[at];
    at += space ? kSpace.size() : 1;
  }
  return ends ? out + ' ' : out;
}

std::string Detokenizer::operator()(std::span<const std::int64_t> ids) const {
  std::string out;
  for (const std::int64_t id : ids)
    if (const auto found = bytes_.find(id); found != bytes_.end()) out += found->second;
  return repair_utf8(out);
}

}  // namespace deltascape::text
