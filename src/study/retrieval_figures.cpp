#include "study/retrieval_figures.h"

#include <algorithm>

namespace deltascape::study {

std::optional<double> recall_at(std::span<const Candidate> candidates, std::size_t k) {
  std::vector<Candidate> order(candidates.begin(), candidates.end());
  const auto all = static_cast<std::size_t>(std::ranges::count(order, true, &Candidate::relevant));
  if (all == 0 || k == 0) return {};
  std::ranges::stable_sort(order, std::greater(), [](const Candidate& c) { return c.score.value_or(-2); });
  order.resize(std::min(order.size(), k));
  const auto found = std::ranges::count_if(order, [](const Candidate& c) { return c.relevant && c.score; });
  return static_cast<double>(found) / static_cast<double>(std::min(all, k));
}

std::optional<double> auc(std::span<const Candidate> pairs) {
  std::vector<Candidate> order;
  for (const Candidate& pair : pairs)
    if (pair.score) order.push_back(pair);
  std::ranges::sort(order, {}, [](const Candidate& c) { return *c.score; });
  double together = 0, apart = 0, above = 0;  // above: pairs of pairs in the right order
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    double same_together = 0, same_apart = 0;
    for (; last < order.size() && *order[last].score == *order[first].score; ++last)
      ++(order[last].relevant ? same_together : same_apart);
    above += same_together * (apart + same_apart / 2);
    together += same_together;
    apart += same_apart;
    first = last;
  }
  if (together == 0 || apart == 0) return {};
  return above / (together * apart);
}

}  // namespace deltascape::study
