// Owns text as terminals, XML, HTML and CSV take it: what is no valid UTF-8 or no printable character becomes U+FFFD.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deltascape::report {

// Valid UTF-8 without control characters.
std::string printable(std::string_view text);
// printable(), and & < > " ' as character references: safe between tags and in quoted attributes.
std::string escape_markup(std::string_view text);
// printable(), cut to `width` terminal columns with … in the middle: both ends of a name tell it apart.
std::string elide(std::string_view text, std::size_t width);

// With so many digits behind the point.
std::string decimals(double value, int digits);

// A field of a CSV file, in quotes where it needs them.
std::string csv_field(const std::string& text);

}  // namespace deltascape::report
