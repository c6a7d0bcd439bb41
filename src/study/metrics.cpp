#include "study/metrics.h"

#include <cmath>
#include <numeric>
#include <vector>

#include "core/text.h"
#include "deltascape/error.h"

namespace deltascape::study {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool of_number(char c) { return digit(c) || c == '$' || c == '.' || c == ','; }

}  // namespace

Metric metric_named(const std::string& name) {
  if (name == "exact") return Metric::kExact;
  if (name == "choice") return Metric::kChoice;
  if (name == "loss") return Metric::kLoss;
  throw Error(ErrorCode::kUsage, "no such metric",
              {.field = option("metric"), .expected = "exact, choice or loss", .found = name});
}

Match match_named(const std::string& name) {
  if (name == "text") return Match::kText;
  if (name == "contains") return Match::kContains;
  if (name == "last-number") return Match::kLastNumber;
  throw Error(ErrorCode::kUsage, "no such way to compare answers",
              {.field = option("match"), .expected = "text, contains or last-number", .found = name});
}

std::optional<std::string> last_number(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && !digit(text[end - 1])) --end;
  if (end == 0) return {};
  std::size_t begin = end;
  while (begin > 0 && of_number(text[begin - 1])) --begin;
  std::string out(begin > 0 && text[begin - 1] == '-' ? "-" : "");
  for (const char c : text.substr(begin, end - begin))
    if (c != ',' && c != '$') out += c;
  return out;
}

bool matches(Match match, std::string_view said, std::string_view expected) {
  switch (match) {
    case Match::kText: return trimmed(said) == trimmed(expected);
    case Match::kContains: return said.find(trimmed(expected)) != std::string_view::npos;
    case Match::kLastNumber: {
      const auto number = last_number(said);
      return number && number == last_number(expected);
    }
  }
  return false;
}

Estimate mean_of(std::span<const double> values) {
  const std::vector<double> ones(values.size(), 1);
  return ratio_of(values, ones);
}

Estimate ratio_of(std::span<const double> sums, std::span<const double> counts) {
  const auto n = static_cast<double>(sums.size());
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  Estimate out{.value = std::accumulate(sums.begin(), sums.end(), 0.0) / total};
  if (sums.size() < 2) return out;
  double squares = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) squares += std::pow(sums[i] - out.value * counts[i], 2);
  out.standard_error = std::sqrt(squares / (n * (n - 1))) / (total / n);
  return out;
}

}  // namespace deltascape::study
