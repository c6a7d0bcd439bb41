#include "report/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "report/table.h"

namespace deltascape::report {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";

// Calls use(codepoint, bytes) for each character; codepoint is negative for a byte that is not UTF-8.
template <typename Use>
void for_each_character(std::string_view text, Use&& use) {
  for (std::size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = -1;
    const auto* start = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + i;
    const utf8proc_ssize_t left = static_cast<utf8proc_ssize_t>(text.size() - i);
    const utf8proc_ssize_t n = utf8proc_iterate(start, left, &code);
    const std::size_t size = n > 0 ? static_cast<std::size_t>(n) : 1;
    use(n > 0 ? code : -1, text.substr(i, size));
    i += size;
  }
}

// Control characters, and those that reorder text around them (a name must not disguise its neighbours).
bool is_printable(utf8proc_int32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
  if ((code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069)) return false;
  return code != 0x2028 && code != 0x2029 && (code & 0xFFFE) != 0xFFFE;
}

// A user-perceived character and the columns it takes.
struct Cluster {
  std::string bytes;
  std::size_t width = 0;
};

std::vector<Cluster> clusters_of(std::string_view text) {
  std::vector<Cluster> out;
  utf8proc_int32_t before = 0, state = 0;
  for_each_character(text, [&](utf8proc_int32_t code, std::string_view bytes) {
    const bool starts = out.empty() || code < 0 || before < 0 || utf8proc_grapheme_break_stateful(before, code, &state);
    if (starts) out.emplace_back();
    const int width = code < 0 ? 1 : code == 0xFE0F ? 2 : utf8proc_charwidth(code);  // U+FE0F: shown as an emoji
    out.back().bytes += bytes;
    out.back().width = std::max(out.back().width, static_cast<std::size_t>(std::max(0, width)));
    before = code;
  });
  return out;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const Cluster& cluster : clusters_of(text)) width += cluster.width;
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  for_each_character(text, [&](utf8proc_int32_t code, std::string_view bytes) {
    if (is_printable(code)) out += bytes;
    else out += kReplacement;
  });
  return out;
}

std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string elide(std::string_view text, std::size_t width) {
  std::string shown = printable(text);
  const std::vector<Cluster> clusters = clusters_of(shown);
  std::size_t total = 0;
  for (const Cluster& cluster : clusters) total += cluster.width;
  if (total <= width) return shown;
  if (width == 0) return {};
  const std::size_t tail_room = (width - 1) / 2;
  std::string head, tail;
  std::size_t used = 1;
  for (std::size_t i = clusters.size(); i > 0 && used - 1 + clusters[i - 1].width <= tail_room; --i) {
    tail.insert(0, clusters[i - 1].bytes);
    used += clusters[i - 1].width;
  }
  for (std::size_t i = 0; i < clusters.size() && used + clusters[i].width <= width; ++i) {
    head += clusters[i].bytes;
    used += clusters[i].width;
  }
  return head + "…" + tail;
}

std::string decimals(double value, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out.push_back('"');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

}  // namespace deltascape::report
