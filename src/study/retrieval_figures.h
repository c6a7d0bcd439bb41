// Figures of retrieval, from scores alone.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace deltascape::study {

// What a query found: for each candidate its score, empty where there is none, and whether it is of the query's class.
struct Candidate {
  std::optional<double> score;
  bool relevant = false;
};
// The share of the k nearest that are relevant, of as many as could be; equal scores in the order given. Empty where
// none is relevant.
std::optional<double> recall_at(std::span<const Candidate> candidates, std::size_t k);

// How likely a pair that belongs together scores above one that does not (area under the ROC curve; Mann-Whitney's U
// over the number of pairs of pairs, equal scores count a half). Empty without one of each. Scores that are missing are
// left out.
std::optional<double> auc(std::span<const Candidate> pairs);

}  // namespace deltascape::study
