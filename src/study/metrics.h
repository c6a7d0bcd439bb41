// Owns when an answer counts as right, and the estimates that evaluation reports.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace deltascape::study {

enum class Metric { kExact, kChoice, kLoss };
Metric metric_named(const std::string& name);  // throws Error(kUsage)

enum class Match { kText, kContains, kLastNumber };
Match match_named(const std::string& name);  // throws Error(kUsage)
bool matches(Match match, std::string_view said, std::string_view expected);

// The last number of a text, as lm-evaluation-harness's filter flexible-extract finds one in GSM8K's answers (the last
// match of (-?[$0-9.,]{2,})|(-?[0-9]+), here one with a digit in it) and its exact_match compares it: without commas,
// dollar signs and full stops at the end.
std::optional<std::string> last_number(std::string_view text);

struct Estimate {
  double value = 0, standard_error = 0;  // 0 for a single example, too
};
// Mean and standard error (n − 1) of one number an example.
Estimate mean_of(std::span<const double> values);
// Sum over sum, as of losses and tokens, with the standard error of a ratio estimate: examples are drawn, not tokens.
Estimate ratio_of(std::span<const double> sums, std::span<const double> counts);

}  // namespace deltascape::study
