#include "study/retrieval.h"

#include <algorithm>
#include <numeric>

#include "landscape/ranking.h"

namespace deltascape::study {
namespace {

constexpr std::size_t kNearest = 3;

}  // namespace

StudyRetrieval retrieve(const std::vector<store::Record>& pool, const std::vector<store::Record>& runs,
                        const std::vector<store::Record>& controls, std::int64_t layer, std::vector<StudyTask>& tasks) {
  StudyRetrieval out;
  const double share = 1.0 / static_cast<double>(std::max<std::size_t>(runs.size(), 1));
  std::vector<double> margins;
  for (const store::Record& run : runs) {
    auto ranking = landscape::rank(pool, {.runs = {run}, .controls = controls}, layer);
    const auto place = landscape::place_of(ranking, run.label);
    const auto margin = landscape::margin_of(ranking, run.label);
    if (place == 0U) out.top1 += share;
    if (place && *place < kNearest) out.top3 += share;
    if (margin) margins.push_back(*margin);
    ranking.resize(std::min(ranking.size(), kNearest));
    tasks.push_back({.name = run.name,
                     .domain = run.label,
                     .layer = layer,
                     .calibrated = !controls.empty(),
                     .nearest = std::move(ranking),
                     .margin = margin});
  }
  if (!margins.empty())
    out.margin = std::accumulate(margins.begin(), margins.end(), 0.0) / static_cast<double>(margins.size());
  return out;
}

}  // namespace deltascape::study
