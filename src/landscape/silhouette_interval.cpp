#include "landscape/silhouette_interval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "core/student.h"
#include "landscape/parallel.h"
#include "landscape/products.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostRows = 1000, kMostAtAll = 2000;
constexpr std::size_t kDraws = 500;
constexpr std::size_t kFewestDistinct = 2;  // with one row drawn alone there is no distance within

using Classes = std::vector<std::vector<std::size_t>>;  // rows by class

Classes classes_of(const Partition& labels) {
  Classes out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= out.size()) out.resize(labels[i] + 1);
    out[labels[i]].push_back(i);
  }
  return out;
}

// Of each class an even part, three rows or more.
Classes thinned(const Classes& classes, std::size_t rows) {
  Classes out;
  for (const std::vector<std::size_t>& all : classes) {
    const std::size_t wanted = rows <= kMostRows ? all.size() : (all.size() * kMostRows + rows - 1) / rows;
    std::vector<std::size_t> some = every_nth(all.size(), std::max<std::size_t>(3, wanted));
    for (std::size_t& n : some) n = all[n];
    out.push_back(std::move(some));
  }
  return out;
}

// How often each of `count` rows is drawn, as many times as there are rows.
std::vector<double> drawn(std::size_t count, std::mt19937_64& random) {
  std::vector<double> times(count);
  for (;;) {
    std::ranges::fill(times, 0);
    for (std::size_t n = 0; n < count; ++n) ++times[random() % count];
    if (std::ranges::count_if(times, [](double t) { return t > 0; }) >= static_cast<std::ptrdiff_t>(kFewestDistinct))
      return times;
  }
}

// Averages of the draws, from the distances of every row to the rows of one class after the other.
class Draws {
 public:
  Draws(const Rows& rows, Classes classes, std::uint64_t seed) : rows_(rows), classes_(std::move(classes)) {
    for (std::size_t c = 0; c < classes_.size(); ++c)
      for (const std::size_t i : classes_[c]) {
        which_.push_back(i);
        class_of_.push_back(c);
      }
    std::mt19937_64 random(seed);
    times_.resize(kDraws * which_.size());
    for (std::size_t draw = 0; draw < kDraws; ++draw)
      for (std::size_t c = 0, at = 0; c < classes_.size(); at += classes_[c].size(), ++c)
        std::ranges::copy(drawn(classes_[c].size(), random), times_.begin() + offset(draw, at));
  }

  std::vector<double> averages() const {
    const std::size_t count = which_.size();
    std::vector<double> inside(count * kDraws), outside(count * kDraws, std::numeric_limits<double>::infinity());
    for (std::size_t c = 0, at = 0; c < classes_.size(); at += classes_[c].size(), ++c) look_at(c, at, inside, outside);
    std::vector<double> out(kDraws);
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t draw = 0; draw < kDraws; ++draw) {
        const double a = inside[i * kDraws + draw], b = outside[i * kDraws + draw], larger = std::max(a, b);
        if (larger > 0) out[draw] += times(draw, i) * (b - a) / larger;
      }
    for (double& sum : out) sum /= static_cast<double>(count);
    return out;
  }

 private:
  std::ptrdiff_t offset(std::size_t draw, std::size_t at) const {
    return static_cast<std::ptrdiff_t>(draw * which_.size() + at);
  }
  double times(std::size_t draw, std::size_t i) const { return times_[draw * which_.size() + i]; }

  // Mean distances of all rows to class c, whose rows begin at `at`, in every draw.
  void look_at(std::size_t c, std::size_t at, std::vector<double>& inside, std::vector<double>& outside) const {
    const std::size_t size = classes_[c].size(), width = (size + kPanel - 1) / kPanel * kPanel;
    std::vector<double> weights(kDraws * width);
    for (std::size_t draw = 0; draw < kDraws; ++draw)
      for (std::size_t n = 0; n < size; ++n) weights[draw * width + n] = times(draw, at + n);
    Panels of_draws;
    of_draws.pack(weights, kDraws, width);
    parallel_blocks(which_.size(), kTileRows, [&](std::size_t first, std::size_t last) {
      std::vector<double> distances((last - first) * width), sums;
      for_each_tile_here(rows_, Which(which_).subspan(first, last - first), classes_[c], [&](const Tile& tile) {
        for (std::size_t i = 0; i < tile.rows; ++i)
          for (std::size_t j = 0; j < tile.columns; ++j)
            distances[(tile.first_row + i) * width + tile.first_column + j] =
                which_[first + tile.first_row + i] == classes_[c][tile.first_column + j]
                    ? 0
                    : cosine_distance(tile.row(i)[j]);
      });
      Panels of_rows;
      of_rows.pack(distances, last - first, width);
      products(of_rows, of_draws, sums);
      for (std::size_t i = first; i < last; ++i)
        for (std::size_t draw = 0; draw < kDraws; ++draw) {
          const double sum = sums[(i - first) * of_draws.padded() + draw];
          if (class_of_[i] != c) {
            double& nearest = outside[i * kDraws + draw];
            nearest = std::min(nearest, sum / static_cast<double>(size));
          } else if (const double others = static_cast<double>(size) - times(draw, i); others > 0) {
            inside[i * kDraws + draw] = sum / others;
          }
        }
    });
  }

  const Rows& rows_;
  Classes classes_;
  std::vector<std::size_t> which_, class_of_;  // rows, class after class
  std::vector<double> times_;                  // [draw, which_]
};

}  // namespace

std::optional<Bounds> silhouette_interval(const Rows& rows, const Partition& labels, double average,
                                          std::uint64_t seed) {
  Classes classes = thinned(classes_of(labels), rows.count);
  std::size_t count = 0, largest = 0;
  double widening = 0;
  for (const std::vector<std::size_t>& one : classes) {
    const auto size = static_cast<double>(one.size());
    count += one.size();
    largest = std::max(largest, one.size());
    widening += size * size / (size - 1);
  }
  if (largest < 3 || count > kMostAtAll) return std::nullopt;
  const double freedom = static_cast<double>(count - classes.size());
  const std::vector<double> averages = Draws(rows, std::move(classes), seed).averages();
  double mean = 0, squares = 0;
  for (const double value : averages) mean += value / kDraws;
  for (const double value : averages) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / (kDraws - 1) * (widening / static_cast<double>(count)) *
                                 (static_cast<double>(count) / static_cast<double>(rows.count)));
  const double half = student_quantile(0.025, freedom) * error;
  return Bounds{average - half, average + half}.around(average, -1, 1);
}

}  // namespace deltascape::landscape
