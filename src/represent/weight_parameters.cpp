#include "represent/weight_parameters.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "core/text.h"

namespace deltascape::represent {
namespace {

[[noreturn]] void refuse(const char* parameter, const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::kUsage, std::string(parameter) + " has no such value",
              {.field = option("representation"), .expected = expected, .found = found});
}

// The whole of `text` as a number.
template <class Number>
bool read(const std::string& text, Number& out) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, out);
  return error == std::errc() && at == end;
}

}  // namespace

std::string one_of(const char* parameter, const std::string& value, std::initializer_list<const char*> values) {
  if (std::ranges::find(values, value) == values.end()) refuse(parameter, listed(values, " or "), value);
  return value;
}

std::string whole_number(const char* parameter, const std::string& value, int most) {
  int number = 0;
  if (!read(value, number) || number < 1 || number > most)
    refuse(parameter, "a whole number from 1 to " + std::to_string(most), value);
  return std::to_string(number);
}

std::string share(const char* parameter, const std::string& value) {
  double number = 0;
  if (!read(value, number) || !(number > 0 && number <= 1)) refuse(parameter, "above 0 and at most 1", value);
  char text[40];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

std::string all_or_linears(const std::string& value) { return one_of("all", value, {"false", "true"}); }

bool counts_all(const Parameters& parameters) { return parameters.at("all") == "true"; }

const Parameter& all_parameter() {
  static const Parameter kAll = {"all", "false", "every weight and bias, not the linears of the blocks alone",
                                 all_or_linears};
  return kAll;
}

}  // namespace deltascape::represent
