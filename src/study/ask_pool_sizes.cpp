// What does a larger pool change? (arXiv 2509.04442 §6, its question of scale)
#include <cmath>

#include "core/random.h"
#include "study/question.h"

namespace deltascape::study {
namespace {

constexpr std::size_t kDraws = 20;

// So many of each domain, by chance.
std::vector<store::Record> draw(const std::vector<store::Record>& pool, std::size_t splits, std::size_t each,
                                std::uint64_t which) {
  std::vector<store::Record> out;
  for (std::size_t domain = 0; domain * splits < pool.size(); ++domain) {
    const auto order = shuffled(splits, Random(which, Purpose::kSample, domain));
    for (std::size_t k = 0; k < each; ++k) out.push_back(pool[domain * splits + order[k]]);
  }
  return out;
}

struct Sums {
  std::vector<std::optional<double>> silhouette, nearest, top1, margin;
};

std::optional<double> deviation(const std::vector<std::optional<double>>& values) {
  const auto mean = mean_of_known(values);
  std::vector<std::optional<double>> squares;
  for (const auto& value : values)
    if (value) squares.emplace_back((*value - *mean) * (*value - *mean));
  if (squares.size() < 2) return {};
  return std::sqrt(*mean_of_known(squares) * static_cast<double>(squares.size()) /
                   static_cast<double>(squares.size() - 1));
}

}  // namespace

std::vector<StudyTable> ask_pool_sizes(const Studied& studied) {
  StudyTable out{.name = "pool_sizes",
                 .title = "Pools of other sizes",
                 .text =
                     "Pools drawn by chance from the study's, equally of each domain: means over the draws, and the "
                     "standard deviation of the silhouette. Top-1 and margin are of all tasks.",
                 .columns = {"variants", "draws", "silhouette", "deviation", "nearest", "top-1", "margin"},
                 .rows = {},
                 .drawn = {"silhouette", "nearest", "top-1"}};
  const auto& [pool, runs] = studied.own();
  const auto splits = static_cast<std::size_t>(studied.options.splits);
  for (const int size : studied.options.questions.pool_sizes) {
    const std::size_t each = static_cast<std::size_t>(size) / studied.options.domains.size();
    const std::size_t draws = each == splits ? 1 : kDraws;
    Sums sums;
    for (std::size_t d = 0; d < draws; ++d) {
      const Separation found = separation(draw(pool, splits, each, d), runs);
      sums.silhouette.push_back(found.silhouette);
      sums.nearest.push_back(found.nearest);
      if (!found.retrieval) continue;
      sums.top1.emplace_back(found.retrieval->top1);
      sums.margin.push_back(found.retrieval->margin);
    }
    out.rows.push_back({static_cast<std::int64_t>(each * studied.options.domains.size()),
                        static_cast<std::int64_t>(draws), cell(mean_of_known(sums.silhouette)),
                        cell(deviation(sums.silhouette)), cell(mean_of_known(sums.nearest)),
                        cell(mean_of_known(sums.top1)), cell(mean_of_known(sums.margin))});
  }
  return {std::move(out)};
}

}  // namespace deltascape::study
