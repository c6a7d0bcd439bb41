// Owns what is told from the bytes of UTF-8: single code points in and out of it, for formats that keep texts as
// UTF-32, and the mark that a text may begin with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deltascape::io {

inline constexpr std::uint32_t kReplacement = 0xFFFD;

// Some editors begin a file with one: no part of the text.
inline std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

// False, with nothing added, for what is no code point; a lone surrogate becomes U+FFFD.
inline bool append_utf8(std::string& out, std::uint32_t point) {
  if (point > 0x10FFFF) return false;
  if (point >= 0xD800 && point <= 0xDFFF) point = kReplacement;
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    tail(12), tail(6), tail(0);
  }
  return true;
}

// The code point at the front of a text that is not empty, which is taken off; U+FFFD for a broken byte.
inline std::uint32_t take_utf8(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  std::uint32_t point = length < 2 ? lead : lead & (0x7Fu >> length);
  bool whole = length > 0 && length <= text.size();
  for (std::size_t i = 1; whole && i < length; ++i) {
    whole = (byte(i) & 0xC0) == 0x80;
    point = (point << 6) | (byte(i) & 0x3F);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool valid = whole && !overlong && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
  text.remove_prefix(valid ? length : 1);
  return valid ? point : kReplacement;
}

}  // namespace deltascape::io
