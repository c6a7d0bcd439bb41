// Owns the grammar of sizes and shards.
#include "cli/options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <string_view>

namespace deltascape::cli {
namespace {

constexpr char kShield = '\x1f';

bool is_bracketed(std::string_view text) { return text.size() >= 2 && text.front() == '[' && text.back() == ']'; }

// 0 for an unknown unit.
double unit_factor(std::string unit) {
  std::transform(unit.begin(), unit.end(), unit.begin(), [](unsigned char c) { return std::tolower(c); });
  if (unit.empty() || unit == "b") return 1;
  const std::size_t power = std::string_view("kmgt").find(unit.front());
  if (power == std::string_view::npos) return 0;
  const std::string_view rest = std::string_view(unit).substr(1);
  if (rest.empty() || rest == "i" || rest == "ib") return std::pow(1024.0, static_cast<double>(power + 1));
  return rest == "b" ? std::pow(1000.0, static_cast<double>(power + 1)) : 0;
}

template <class Number>
bool parse_whole(std::string_view text, Number& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::size_t parse_size(const std::string& text, const std::string& option) {
  const auto fail = [&]() -> std::size_t {
    throw Error(ErrorCode::kUsage, option + " is not a size: give bytes, or a number with a unit",
                {.path = "", .field = "", .expected = "4GiB, 500MB or 4096", .found = text});
  };
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failed != std::errc() || !std::isfinite(number) || number < 0) return fail();
  std::string unit(end, text.data() + text.size());
  unit.erase(0, unit.find_first_not_of(' ') == std::string::npos ? unit.size() : unit.find_first_not_of(' '));
  const double factor = unit_factor(unit);
  const double bytes = number * factor;
  if (factor == 0 || bytes < 1 || bytes >= 9.2e18) return fail();
  return static_cast<std::size_t>(bytes);
}

Shard parse_shard(const std::string& text) {
  Shard shard;
  const std::size_t slash = text.find('/');
  const std::string_view whole = text;
  const bool read = slash != std::string::npos && parse_whole(whole.substr(0, slash), shard.index) &&
                    parse_whole(whole.substr(slash + 1), shard.count);
  if (!read || shard.index < 1 || shard.index > shard.count)
    throw Error(ErrorCode::kUsage, "--shard takes the part and the number of parts",
                {.path = "", .field = "", .expected = "i/n with 1 <= i <= n, as 1/4", .found = text});
  return shard;
}

std::vector<std::string> shield(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  for (std::string& argument : arguments)
    if (is_bracketed(argument) || argument.starts_with(kShield)) argument.insert(argument.begin(), kShield);
  return arguments;
}

std::string unshield(std::string argument) {
  if (argument.starts_with(kShield)) argument.erase(argument.begin());
  return argument;
}

}  // namespace deltascape::cli
