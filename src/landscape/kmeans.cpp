// Spherical k-means (Dhillon and Modha 2001) with greedy k-means++ starts (Arthur and Vassilvitskii 2007). Ours rather
// than the library kmeans beside umappp, which takes two to three times as long a round and has no centres of length
// one.
#include <algorithm>
#include <cmath>
#include <random>

#include "landscape/lloyd.h"
#include "landscape/partition.h"
#include "landscape/products.h"

namespace deltascape::landscape {
namespace {

constexpr int kMostRounds = 100;
constexpr double kGain = 1e-6;             // a round that brings the rows less nearer to their centres is the last
constexpr std::size_t kStartRows = 10000;  // of more, this many find the centres that all rows start with

using Random = std::mt19937_64;

class Run {
 public:
  Run(const Rows& rows, Which which, std::size_t k) : rows_(rows), which_(which), k_(k) {}

  void choose_centres(Random& random) {
    std::vector<double> distance(which_.size(), 1.0);
    std::vector<std::size_t> chosen;
    const std::size_t trials = std::min(kPanel, 2 + static_cast<std::size_t>(std::log(static_cast<double>(k_))));
    while (chosen.size() < k_) chosen.push_back(next_centre(random, chosen.empty() ? 1 : trials, distance));
    centres_ = {.count = k_, .values = {}, .offsets = {}};
    std::vector<std::size_t> own(k_);
    for (std::size_t c = 0; c < k_; ++c) own[c] = c;
    centres_.values = group_sums(rows_, chosen, own, k_);
  }

  // Returns how good the partition is: the sum of cosines to the centres.
  double refine() {
    double before = -1;
    for (int round = 0; round < kMostRounds; ++round) {
      assigned_ = assign(rows_, which_, centres_);
      double now = 0;
      for (const double cosine : assigned_.product) now += cosine;
      fill_empty_groups();
      if (now - before <= kGain * (static_cast<double>(which_.size()) - now)) return now;
      before = now;
      move_centres();
    }
    return before;
  }

  const Partition& partition() const { return assigned_.group; }
  const Centres& centres() const { return centres_; }
  void start_from(Centres centres) { centres_ = std::move(centres); }

 private:
  // Of `trials` rows drawn by their distance to the centres so far, the one that leaves the least.
  std::size_t next_centre(Random& random, std::size_t trials, std::vector<double>& distance) const {
    std::vector<double> up_to(distance.size());
    double total = 0;
    for (std::size_t i = 0; i < distance.size(); ++i) up_to[i] = total += distance[i];
    std::vector<std::size_t> drawn;
    for (std::size_t t = 0; t < trials; ++t) {
      const auto place = std::ranges::upper_bound(up_to, uniform(random) * total) - up_to.begin();
      drawn.push_back(which_[std::min(static_cast<std::size_t>(place), which_.size() - 1)]);
    }
    std::vector<double> left(distance.size() * trials);  // [row, trial]
    for_each_tile(rows_, which_, drawn, [&](const Tile& tile) {
      for (std::size_t i = 0; i < tile.rows; ++i)
        for (std::size_t t = 0; t < trials; ++t) {
          const std::size_t row = tile.first_row + i;
          left[row * trials + t] = std::min(distance[row], std::max(0.0, 1 - tile.row(i)[t]));
        }
    });
    std::vector<double> sums(trials);
    for (std::size_t n = 0; n < left.size(); ++n) sums[n % trials] += left[n];
    const auto best = static_cast<std::size_t>(std::ranges::min_element(sums) - sums.begin());
    for (std::size_t i = 0; i < distance.size(); ++i) distance[i] = left[i * trials + best];
    return drawn[best];
  }

  // A group that lost all its rows takes the row that fits its own group worst.
  void fill_empty_groups() {
    std::vector<std::size_t> sizes(k_);
    for (const std::size_t g : assigned_.group) ++sizes[g];
    for (std::size_t g = 0; g < k_; ++g) {
      if (sizes[g] > 0) continue;
      std::size_t worst = which_.size();
      for (std::size_t i = 0; i < which_.size(); ++i)
        if (sizes[assigned_.group[i]] > 1 &&
            (worst == which_.size() || assigned_.product[i] < assigned_.product[worst]))
          worst = i;
      --sizes[assigned_.group[worst]];
      assigned_.group[worst] = g;
      assigned_.product[worst] = 1;
      sizes[g] = 1;
    }
  }

  void move_centres() {
    centres_.values = group_sums(rows_, which_, assigned_.group, k_);
    for (std::size_t g = 0; g < k_; ++g) {
      const auto centre = std::span(centres_.values).subspan(g * rows_.width, rows_.width);
      double squares = 0;
      for (const double value : centre) squares += value * value;
      if (squares > 0)
        for (double& value : centre) value /= std::sqrt(squares);
    }
  }

  const Rows& rows_;
  Which which_;
  std::size_t k_;
  Assigned assigned_;
  Centres centres_;
};

}  // namespace

Partition spherical_kmeans(const Rows& rows, std::size_t k, std::uint64_t seed, int starts) {
  Random random(seed);
  const std::vector<std::size_t> all = all_of(rows);
  const std::vector<std::size_t> few = every_nth(rows.count, std::max(kStartRows, 4 * k));
  std::optional<Run> best;
  double best_fit = 0;
  for (int start = 0; start < starts; ++start) {
    Run run(rows, few, k);
    run.choose_centres(random);
    const double fit = run.refine();
    if (best && fit <= best_fit) continue;
    best.emplace(std::move(run));
    best_fit = fit;
  }
  if (few.size() == all.size()) return best->partition();
  Run whole(rows, all, k);
  whole.start_from(best->centres());
  whole.refine();
  return whole.partition();
}

}  // namespace deltascape::landscape
