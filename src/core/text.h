// Owns small questions about text: what is left without the blanks around it, and names one after the other.
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

// "a, b, c".
template <class Names>
std::string listed(Names&& names) {
  std::string out;
  bool first = true;
  for (const std::string_view name : names) {
    if (!first) out += ", ";
    out += name;
    first = false;
  }
  return out;
}

}  // namespace deltascape
