// Owns reading the double array with every step checked, and base64.
#include "text/charsmap.h"

#include <array>
#include <utility>

#include "deltascape/error.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

// The longest rule of nmt_nfkc makes 18 characters of one; a hostile one could repeat a megabyte for every character.
constexpr std::size_t kMaxGrowth = std::size_t{1} << 20;
constexpr std::size_t kMaxCluster = 5;
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t out = 0;
  for (std::size_t i = 4; i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

// The fields of a unit (darts-clone).
bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t value_of(std::uint32_t unit) { return unit & 0x7FFFFFFF; }
std::uint32_t label_of(std::uint32_t unit) { return unit & 0x800000FF; }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

}  // namespace

Charsmap::Charsmap(std::string_view bytes, std::string where) : where_(std::move(where)) {
  if (bytes.size() < 4) bad("at least 4 bytes", std::to_string(bytes.size()));
  const std::size_t size = little_endian(bytes, 0);
  if (size == 0 || size % 4 != 0 || size > bytes.size() - 4) {
    bad("a trie within " + std::to_string(bytes.size() - 4) + " bytes", std::to_string(size) + " bytes");
  }
  units_.reserve(size / 4);
  for (std::size_t at = 4; at < size + 4; at += 4) units_.push_back(little_endian(bytes, at));
  replacements_ = bytes.substr(size + 4);
  if (!is_valid_utf8(replacements_)) bad("replacements in UTF-8", "other bytes");
}

void Charsmap::bad(const std::string& expected, const std::string& found) const {
  throw Error(ErrorCode::kBadFile, "the normalisation rules do not fit together",
              {.path = where_, .field = "precompiled_charsmap", .expected = expected, .found = found});
}

std::uint32_t Charsmap::unit(std::size_t position) const {
  if (position < units_.size()) return units_[position];
  bad("a place in a trie of " + std::to_string(units_.size()), std::to_string(position));
}

std::optional<std::string_view> Charsmap::find(std::string_view chunk) const {
  std::size_t position = offset_of(units_[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return std::nullopt;
    position ^= byte;
    const std::uint32_t here = unit(position);
    if (label_of(here) != byte) return std::nullopt;
    position ^= offset_of(here);
    if (!has_leaf(here)) continue;
    const std::size_t begin = value_of(unit(position));
    if (begin > replacements_.size() ||
        (begin < replacements_.size() && (static_cast<unsigned char>(replacements_[begin]) & 0xC0) == 0x80)) {
      bad("the start of a replacement", std::to_string(begin));
    }
    const std::size_t end = replacements_.find('\0', begin);
    return std::string_view(replacements_).substr(begin, end == std::string::npos ? end : end - begin);
  }
  return std::nullopt;
}

std::string Charsmap::apply(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  const auto put = [&](std::string_view chunk) {
    out += chunk;
    if (out.size() > kMaxGrowth + 64 * text.size()) bad("replacements of a few bytes", "one that blows the text up");
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = grapheme_end(text, begin);
    if (end - begin <= kMaxCluster) {
      if (const auto replacement = find(text.substr(begin, end - begin))) {
        put(*replacement);
        begin = end;
        continue;
      }
    }
    while (begin < end) {
      const std::string_view character = text.substr(begin, utf8_length(text[begin]));
      put(find(character).value_or(character));
      begin += character.size();
    }
  }
  return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::array<int, 256> values;
  values.fill(-1);
  for (std::size_t i = 0; i < kBase64.size(); ++i) values[static_cast<unsigned char>(kBase64[i])] = static_cast<int>(i);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(static_cast<unsigned char>(bits >> count)));
  }
  return out;
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out.push_back(at + i <= bytes.size() ? kBase64[bits >> (18 - 6 * i) & 63] : '=');
    }
  }
  return out;
}

}  // namespace deltascape::text
