// Owns spherical k-means (Dhillon and Modha 2001) with k-means++ starts (Arthur and Vassilvitskii 2007).
#include <algorithm>
#include <cmath>
#include <random>

#include "landscape/kernels.h"
#include "landscape/parallel.h"
#include "landscape/partition.h"

namespace deltascape::landscape {
namespace {

constexpr int kStarts = 10;
constexpr int kMostRounds = 300;

using Random = std::mt19937_64;

// [0, 1), the same on every platform (the standard's distributions are not).
double uniform(Random& random) { return static_cast<double>(random() >> 11) * 0x1.0p-53; }

class Run {
 public:
  Run(const EmbeddingRows& rows, std::size_t k) : rows_(rows), k_(k), group_(rows.count), cosine_(rows.count) {}

  // Returns how good the run's partition is: the sum of cosines to the centres.
  double fit(Random& random) {
    choose_centres(random);
    double before = -1;
    for (int round = 0; round < kMostRounds; ++round) {
      const double now = assign();
      fill_empty_groups();
      if (now <= before + 1e-12 * static_cast<double>(rows_.count)) return now;
      before = now;
      move_centres();
    }
    return before;
  }

  const Partition& partition() const { return group_; }

 private:
  const double* row(std::size_t i) const { return rows_.values.data() + i * rows_.width; }

  void choose_centres(Random& random) {
    centres_.clear();
    std::vector<double> distance(rows_.count, 1.0), product(rows_.count);
    for (std::size_t c = 0; c < k_; ++c) {
      double total = 0;
      for (const double d : distance) total += d;
      double aim = uniform(random) * total;
      std::size_t chosen = 0;
      while (chosen + 1 < rows_.count && (aim -= distance[chosen]) >= 0) ++chosen;
      centres_.insert(centres_.end(), row(chosen), row(chosen) + rows_.width);
      dot_products({rows_.values.data(), rows_.count}, {row(chosen), 1}, rows_.width, product.data(), 1);
      for (std::size_t i = 0; i < rows_.count; ++i) {
        const double d = std::max(0.0, 1 - product[i]);
        distance[i] = c == 0 ? d : std::min(distance[i], d);
      }
    }
  }

  double assign() {
    parallel_blocks(rows_.count, 256, [&](std::size_t first, std::size_t last) {
      std::vector<double> products((last - first) * k_);  // [rows, k]
      dot_products({row(first), last - first}, {centres_.data(), k_}, rows_.width, products.data(), k_);
      for (std::size_t i = first; i < last; ++i) {
        const auto start = products.begin() + static_cast<std::ptrdiff_t>((i - first) * k_);
        const auto best = std::max_element(start, start + static_cast<std::ptrdiff_t>(k_));
        group_[i] = static_cast<std::size_t>(best - start);
        cosine_[i] = *best;
      }
    });
    double sum = 0;
    for (const double c : cosine_) sum += c;
    return sum;
  }

  // A group that lost all its rows takes the row that fits its own group worst.
  void fill_empty_groups() {
    std::vector<std::size_t> sizes(k_);
    for (const std::size_t g : group_) ++sizes[g];
    for (std::size_t g = 0; g < k_; ++g) {
      if (sizes[g] > 0) continue;
      std::size_t worst = rows_.count;
      for (std::size_t i = 0; i < rows_.count; ++i)
        if (sizes[group_[i]] > 1 && (worst == rows_.count || cosine_[i] < cosine_[worst])) worst = i;
      --sizes[group_[worst]];
      group_[worst] = g;
      cosine_[worst] = 1;
      sizes[g] = 1;
    }
  }

  void move_centres() {
    centres_.assign(k_ * rows_.width, 0.0);
    for (std::size_t i = 0; i < rows_.count; ++i)
      for (std::size_t d = 0; d < rows_.width; ++d) centres_[group_[i] * rows_.width + d] += row(i)[d];
    for (std::size_t g = 0; g < k_; ++g) {
      double squares = 0;
      for (std::size_t d = 0; d < rows_.width; ++d)
        squares += centres_[g * rows_.width + d] * centres_[g * rows_.width + d];
      if (squares > 0)
        for (std::size_t d = 0; d < rows_.width; ++d) centres_[g * rows_.width + d] /= std::sqrt(squares);
    }
  }

  const EmbeddingRows& rows_;
  std::size_t k_;
  Partition group_;
  std::vector<double> cosine_;   // to the own centre
  std::vector<double> centres_;  // [k, width]
};

}  // namespace

Partition spherical_kmeans(const EmbeddingRows& rows, std::size_t k, std::uint64_t seed) {
  Random random(seed);
  Partition best;
  double best_fit = 0;
  for (int start = 0; start < kStarts; ++start) {
    Run run(rows, k);
    const double fit = run.fit(random);
    if (best.empty() || fit > best_fit) {
      best = run.partition();
      best_fit = fit;
    }
  }
  return best;
}

}  // namespace deltascape::landscape
