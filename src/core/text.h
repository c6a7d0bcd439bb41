// Owns small questions about text: without the blanks around it, in small letters, several joined.
#pragma once

#include <string>
#include <string_view>

namespace deltascape {

// Without these at both ends; ASCII white space where nothing is said.
inline std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\n\v\f\r") {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// With small letters for A to Z, and nothing else changed.
inline std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// "a, b, c", or with another separator.
template <class Names>
std::string listed(Names&& names, std::string_view separator = ", ") {
  std::string out;
  for (const auto& name : names) {
    if (!out.empty()) out += separator;
    out += name;
  }
  return out;
}

}  // namespace deltascape
