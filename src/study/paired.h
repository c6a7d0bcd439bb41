// Owns how sure a difference between two models is that were asked about the same examples.
#pragma once

#include <span>
#include <vector>

#include "deltascape/evaluate.h"
#include "study/metrics.h"

namespace deltascape::study {

// Shares of right answers: `ours` minus `theirs`, the score interval for paired proportions of Newcombe (Statistics in
// Medicine 17, 1998, method 10), and the exact test of McNemar, which asks only the examples where the two differ.
PairedDifference difference_of_shares(const std::vector<bool>& ours, const std::vector<bool>& theirs);

// Sums over counts, as of losses and tokens: the difference of the two ratios; interval and test are Student's, from
// the scatter of the examples' own differences (of counts that are all one: the paired t-test). The counts may differ,
// as where a variant has a tokenizer of its own.
struct Ratio {
  std::span<const double> sums, counts;
};
PairedDifference difference_of_ratios(const Ratio& ours, const Ratio& theirs);

// The same example is at the same place of both.
PairedDifference difference_of(Metric metric, const std::vector<Prediction>& ours,
                               const std::vector<Prediction>& theirs);

}  // namespace deltascape::study
