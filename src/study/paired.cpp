#include "study/paired.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/student.h"

namespace deltascape::study {
namespace {

constexpr double kNormal = 1.959963984540054;  // two-sided 95%
constexpr double kTail = 0.025;

// Wilson's score interval of a share.
std::pair<double, double> wilson(double share, double n) {
  const double z2 = kNormal * kNormal, scale = 1 + z2 / n;
  const double centre = (share + z2 / (2 * n)) / scale;
  const double half = kNormal * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / scale;
  return {centre - half, centre + half};
}

// Two-sided, exact: of n fair coins, at most the smaller count on one side or the other.
double mcnemar(int better, int worse) {
  const int n = better + worse, least = std::min(better, worse);
  double tail = 0;
  for (int k = 0; k <= least; ++k)
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) - n * std::log(2.0));
  return std::min(1.0, 2 * tail);
}

double sum(std::span<const double> values) { return std::accumulate(values.begin(), values.end(), 0.0); }

}  // namespace

PairedDifference difference_of_shares(const std::vector<bool>& ours, const std::vector<bool>& theirs) {
  if (ours.empty()) return {};
  int both = 0, better = 0, worse = 0, neither = 0;
  for (std::size_t i = 0; i < ours.size(); ++i)
    ++(ours[i] ? (theirs[i] ? both : better) : (theirs[i] ? worse : neither));
  const auto n = static_cast<double>(ours.size());
  const double p = (both + better) / n, q = (both + worse) / n;
  const auto [low_p, high_p] = wilson(p, n);
  const auto [low_q, high_q] = wilson(q, n);
  const double sides = double{p} * (1 - p) * q * (1 - q) * n * n * n * n;
  double together = double(both) * neither - double(better) * worse;
  if (together > 0) together = std::max(0.0, together - n / 2);  // his continuity correction
  const double phi = sides > 0 ? together / std::sqrt(sides) : 0;
  const auto reach = [&](double a, double b) { return std::sqrt(std::max(0.0, a * a - 2 * phi * a * b + b * b)); };
  return {.value = (better - worse) / n,
          .low = std::max(-1.0, p - q - reach(p - low_p, high_q - q)),
          .high = std::min(1.0, p - q + reach(high_p - p, q - low_q)),
          .p = mcnemar(better, worse)};
}

PairedDifference difference_of_ratios(const Ratio& ours, const Ratio& theirs) {
  const std::size_t count = ours.sums.size();
  if (count == 0) return {};
  const auto n = static_cast<double>(count);
  const double our_count = sum(ours.counts), their_count = sum(theirs.counts);
  const double our_ratio = sum(ours.sums) / our_count, their_ratio = sum(theirs.sums) / their_count;
  PairedDifference out{.value = our_ratio - their_ratio, .low = {}, .high = {}, .p = {}};
  if (count < 2) return out;
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double moved = (ours.sums[i] - our_ratio * ours.counts[i]) / (our_count / n) -
                         (theirs.sums[i] - their_ratio * theirs.counts[i]) / (their_count / n);
    squares += moved * moved;
  }
  const double error = std::sqrt(squares / (n * (n - 1))), reach = student_quantile(kTail, n - 1) * error;
  out.low = out.value - reach;
  out.high = out.value + reach;
  out.p = error > 0 ? 2 * student_tail(std::abs(out.value) / error, n - 1) : out.value == 0 ? 1 : 0;
  return out;
}

PairedDifference difference_of(Metric metric, const std::vector<Prediction>& ours,
                               const std::vector<Prediction>& theirs) {
  std::vector<bool> right[2];
  std::vector<double> sums[2], counts[2];
  for (const int side : {0, 1})
    for (const Prediction& p : side == 0 ? ours : theirs) {
      right[side].push_back(p.right);
      sums[side].push_back(p.loss);
      counts[side].push_back(static_cast<double>(p.tokens));
    }
  if (metric != Metric::kLoss) return difference_of_shares(right[0], right[1]);
  return difference_of_ratios({.sums = sums[0], .counts = counts[0]}, {.sums = sums[1], .counts = counts[1]});
}

}  // namespace deltascape::study
