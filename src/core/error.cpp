#include "deltascape/error.h"

#include <cstdio>

namespace deltascape {
namespace {

constexpr std::string_view kOption = "\u2060";  // WORD JOINER, before an option's name
constexpr std::string_view kNames = "abcdefghijklmnopqrstuvwxyz0123456789_";
constexpr std::size_t kMaxMessage = 390;
constexpr std::size_t kMaxField = 120;

// Length of the well-formed UTF-8 sequence at text[i], or 0.
std::size_t utf8_length(const std::string& text, std::size_t i) {
  const auto lead = static_cast<unsigned char>(text[i]);
  const std::size_t n = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (n == 0 || i + n > text.size()) return 0;
  for (std::size_t k = 1; k < n; ++k)
    if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return 0;
  return n;
}

std::string compose(const std::string& message, const ErrorContext& c) {
  std::string out;
  if (!c.path.empty()) out += one_line(c.path, kMaxField) + ": ";
  if (!c.field.empty()) out += one_line(c.field, kMaxField) + ": ";
  out += message;
  if (!c.expected.empty() && !c.found.empty())
    out += " (expected " + one_line(c.expected, kMaxField) + ", found " + one_line(c.found, kMaxField) + ")";
  else if (!c.expected.empty()) out += " (expected " + one_line(c.expected, kMaxField) + ")";
  else if (!c.found.empty()) out += " (found " + one_line(c.found, kMaxField) + ")";
  return one_line(out, kMaxMessage);
}

}  // namespace

std::string option(std::string_view field) { return std::string(kOption) + std::string(field); }

std::string worded(std::string_view text, const std::function<std::string(std::string_view)>& spell) {
  std::string out;
  for (std::size_t at; (at = text.find(kOption)) != text.npos;) {
    out += text.substr(0, at);
    text.remove_prefix(at + kOption.size());
    const std::string_view name = text.substr(0, text.find_first_not_of(kNames));
    out += spell(name);
    text.remove_prefix(name.size());
  }
  return out += text;
}

std::string one_line(const std::string& text, std::size_t max_bytes) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = utf8_length(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (n == 0 || byte < 0x20 || byte == 0x7F) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : escaped;
      i += 1;
    } else {
      out.append(text, i, n);
      i += n;
    }
    if (out.size() > 4 * max_bytes + 64) break;  // hostile lengths: the middle is elided anyway
  }
  if (out.size() <= max_bytes) return out;
  std::size_t head = max_bytes * 2 / 3;
  std::size_t tail = out.size() - (max_bytes - head - 3);
  while (head > 0 && (static_cast<unsigned char>(out[head]) & 0xC0) == 0x80) --head;
  while (tail < out.size() && (static_cast<unsigned char>(out[tail]) & 0xC0) == 0x80) ++tail;
  return out.substr(0, head) + "..." + out.substr(tail);
}

Error::Error(ErrorCode code, const std::string& message, const ErrorContext& context)
    : std::runtime_error(compose(message, context)), code_(code), context_(context) {}

}  // namespace deltascape
