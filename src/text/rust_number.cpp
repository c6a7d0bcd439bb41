// Owns the arithmetic: as many digits as fit 64 bits, times or divided by one power of ten.
#include "text/rust_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

namespace deltascape::text {
namespace {

constexpr int kLargestPower = 308;
constexpr int kMaxExponent = 1 << 20;  // far outside of what a double holds

double power_of_ten(int exponent) {
  static const auto table = [] {
    std::array<double, kLargestPower + 1> out{};
    for (int i = 0; i <= kLargestPower; ++i) out[static_cast<std::size_t>(i)] = std::stod("1e" + std::to_string(i));
    return out;
  }();
  return table[static_cast<std::size_t>(exponent)];
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

double rust_number(std::string_view number) {
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  std::uint64_t digits = 0;
  int exponent = 0;
  bool full = false, behind_point = false;
  std::size_t i = 0;
  for (; i < number.size() && (is_digit(number[i]) || number[i] == '.'); ++i) {
    if (number[i] == '.') {
      behind_point = true;
      continue;
    }
    const auto digit = static_cast<std::uint64_t>(number[i] - '0');
    full = full || digits > (std::numeric_limits<std::uint64_t>::max() - digit) / 10;
    if (!full) digits = digits * 10 + digit;
    if (exponent > -kMaxExponent && exponent < kMaxExponent) exponent += full ? !behind_point : -int{behind_point};
  }
  if (i < number.size()) {  // e or E
    std::string_view rest = number.substr(i + 1);
    const bool down = rest.starts_with('-');
    if (down || rest.starts_with('+')) rest.remove_prefix(1);
    int more = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), more);
    if (parsed.ec != std::errc()) more = kMaxExponent;
    more = std::min(more, kMaxExponent);
    exponent += down ? -more : more;
  }
  auto value = static_cast<double>(digits);
  for (; exponent < -kLargestPower && value != 0; exponent += kLargestPower) value /= power_of_ten(kLargestPower);
  if (exponent > kLargestPower && value != 0) return std::numeric_limits<double>::infinity();
  if (value != 0) {
    value = exponent >= 0 ? value * power_of_ten(exponent) : value / power_of_ten(-exponent);
  }
  return negative ? -value : value;
}

double through_rust_json(double value) {
  std::array<char, 32> text;  // the shortest form that names this double, as serde_json writes it
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return rust_number({text.data(), end});
}

}  // namespace deltascape::text
