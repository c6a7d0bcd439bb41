#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "landscape/parallel.h"
#include "landscape/partition.h"
#include "landscape/products.h"
#include "landscape/silhouette_of.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostDistances = 500'000'000;  // looked at one by one: 20000 rows, or 5000 in 20 partitions
constexpr std::size_t kMostSums = 50'000'000;        // products of rows with groups: 500 groups of 100000 rows
constexpr std::size_t kSample = 500;

struct Groups {
  const Partition* of = nullptr;
  std::vector<std::size_t> sizes;
};

Groups groups_of(const Partition& partition) {
  Groups out{&partition, {}};
  for (const std::size_t group : partition) {
    if (group >= out.sizes.size()) out.sizes.resize(group + 1);
    ++out.sizes[group];
  }
  return out;
}

// Silhouettes of the rows `which` from every single distance, [partition][row of which].
std::vector<std::vector<double>> from_distances(const Rows& rows, Which which, const std::vector<Groups>& partitions) {
  std::vector<std::vector<double>> out(partitions.size(), std::vector<double>(which.size()));
  const std::vector<std::size_t> all = all_of(rows);
  std::vector<std::vector<std::vector<double>>> sums((which.size() + kTileRows - 1) / kTileRows);
  for_each_tile(rows, which, all, [&](const Tile& tile) {
    auto& own = sums[tile.first_row / kTileRows];  // [partition][row of the tile, group]
    if (own.empty())
      for (const Groups& p : partitions) own.emplace_back(tile.rows * p.sizes.size());
    for (std::size_t i = 0; i < tile.rows; ++i) {
      std::vector<double> distances(tile.row(i).begin(), tile.row(i).end());
      for (double& d : distances) d = cosine_distance(d);
      const std::size_t self = which[tile.first_row + i];
      if (self >= tile.first_column && self < tile.first_column + tile.columns) distances[self - tile.first_column] = 0;
      for (std::size_t p = 0; p < partitions.size(); ++p) {
        double* sum = own[p].data() + i * partitions[p].sizes.size();
        const std::size_t* group = partitions[p].of->data() + tile.first_column;
        for (std::size_t j = 0; j < tile.columns; ++j) sum[group[j]] += distances[j];
      }
    }
    if (!tile.last) return;
    for (std::size_t p = 0; p < partitions.size(); ++p) {
      const std::vector<std::size_t>& sizes = partitions[p].sizes;
      for (std::size_t i = 0; i < tile.rows; ++i)
        out[p][tile.first_row + i] = silhouette_of(std::span(own[p]).subspan(i * sizes.size(), sizes.size()), sizes,
                                                   (*partitions[p].of)[which[tile.first_row + i]]);
    }
    own = {};
  });
  return out;
}

// Silhouettes from the groups' sums, as if no cosine were negative.
class FromSums {
 public:
  FromSums(const Rows& rows, const Groups& groups) : rows_(rows), groups_(groups), all_(all_of(rows)) {
    const std::size_t k = groups.sizes.size();
    sums_.pack(group_sums(rows, all_, *groups.of, k), k, rows.width);
    find_cones();
  }

  // [row]; may_clip[i] is set where row i may have a negative cosine with another.
  std::vector<double> look(std::vector<char>& may_clip) const {
    std::vector<double> out(rows_.count);
    for_each_row([&](std::size_t i, std::span<const double> products) {
      std::vector<double> distances(products.size());
      for (std::size_t c = 0; c < products.size(); ++c) {
        distances[c] = static_cast<double>(groups_.sizes[c]) - products[c];  // itself at a distance of 0
        if (products[c] < least_[c]) may_clip[i] = 1;
      }
      out[i] = silhouette_of(distances, groups_.sizes, group(i));
    });
    return out;
  }

 private:
  template <class Use>
  void for_each_row(const Use& use) const {
    parallel_blocks(rows_.count, kTileRows, [&](std::size_t first, std::size_t last) {
      Panels left;
      std::vector<double> values;
      left.pack(rows_, Which(all_).subspan(first, last - first));
      products(left, sums_, values);
      for (std::size_t i = first; i < last; ++i)
        use(i, std::span<const double>(values).subspan((i - first) * sums_.padded(), groups_.sizes.size()));
    });
  }

  // A group lies in a cone around its sum. A row no farther from the sum than what a right angle leaves beside the
  // cone's half-width w has no negative cosine with a member: cos(90° - w) = √(1 - cos² w).
  void find_cones() {
    std::vector<double> along(rows_.count);  // product of each row with the sum of its group
    for_each_row([&](std::size_t i, std::span<const double> products) { along[i] = products[group(i)]; });
    std::vector<double> squares(groups_.sizes.size());  // of the sums' lengths
    for (std::size_t i = 0; i < rows_.count; ++i) squares[group(i)] += along[i];
    std::vector<double> widest(groups_.sizes.size(), 1);
    for (std::size_t i = 0; i < rows_.count; ++i) {
      const double length = std::sqrt(std::max(0.0, squares[group(i)]));
      widest[group(i)] = std::min(widest[group(i)], length > 0 ? along[i] / length : -1);
    }
    for (std::size_t g = 0; g < widest.size(); ++g) {
      const double cosine = std::sqrt(std::max(0.0, 1 - widest[g] * widest[g])) + 1e-9;  // and rounding
      least_.push_back(widest[g] > 0 ? cosine * std::sqrt(squares[g]) : std::numeric_limits<double>::infinity());
    }
  }

  std::size_t group(std::size_t i) const { return (*groups_.of)[i]; }

  const Rows& rows_;
  const Groups& groups_;
  const std::vector<std::size_t> all_;
  Panels sums_;
  std::vector<double> least_;  // of each group: a row whose product with its sum is less may have a negative cosine
};

double mean_of(std::span<const double> values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Two standard errors of a mean of `values`.
double error_of(std::span<const double> values) {
  const double mean = mean_of(values), count = static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return count > 1 ? 2 * std::sqrt(squares / (count - 1) / count) : 0;
}

void average_groups(const Groups& groups, std::span<const double> values, Fit& fit) {
  fit.groups.assign(groups.sizes.size(), 0);
  for (std::size_t i = 0; i < values.size(); ++i) fit.groups[(*groups.of)[i]] += values[i];
  for (std::size_t g = 0; g < fit.groups.size(); ++g) fit.groups[g] /= static_cast<double>(groups.sizes[g]);
  fit.average = mean_of(values);
}

Fit exactly(const Groups& groups, std::vector<double> values) {
  Fit fit;
  average_groups(groups, values, fit);
  fit.rows.assign(values.begin(), values.end());
  return fit;
}

// `values` are silhouettes as if no cosine were negative, `sample` some of the rows `clipped`, `exact` their own: the
// mean difference, over all clipped rows, is what the clip changes.
Fit corrected(const Groups& groups, std::vector<double> values, Which clipped, Which sample,
              std::span<const double> exact) {
  std::vector<double> change(sample.size()), in_group(groups.sizes.size()), count(groups.sizes.size());
  for (std::size_t n = 0; n < sample.size(); ++n) {
    change[n] = exact[n] - values[sample[n]];
    in_group[(*groups.of)[sample[n]]] += change[n];
    ++count[(*groups.of)[sample[n]]];
  }
  Fit fit;
  fit.rows.assign(values.size(), std::nullopt);
  std::vector<char> open(values.size(), 0);
  for (const std::size_t i : clipped) open[i] = 1;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!open[i]) fit.rows[i] = values[i];
  const double mean = mean_of(change);
  for (const std::size_t i : clipped) {
    const std::size_t group = (*groups.of)[i];
    values[i] += count[group] > 0 ? in_group[group] / count[group] : mean;
  }
  for (std::size_t n = 0; n < sample.size(); ++n) fit.rows[sample[n]] = values[sample[n]] = exact[n];
  average_groups(groups, values, fit);
  if (sample.size() == clipped.size()) return fit;
  fit.sampled = sample.size();
  fit.error = error_of(change) * static_cast<double>(clipped.size()) / static_cast<double>(values.size());
  return fit;
}

Fit by_sample_alone(const Groups& groups, Which sample, std::span<const double> exact) {
  Fit fit;
  fit.average = mean_of(exact);
  fit.error = error_of(exact);
  fit.sampled = sample.size();
  fit.groups.assign(groups.sizes.size(), 0);
  fit.rows.assign(groups.of->size(), std::nullopt);
  std::vector<double> count(groups.sizes.size());
  for (std::size_t n = 0; n < sample.size(); ++n) {
    fit.rows[sample[n]] = exact[n];
    fit.groups[(*groups.of)[sample[n]]] += exact[n];
    ++count[(*groups.of)[sample[n]]];
  }
  for (std::size_t g = 0; g < count.size(); ++g) fit.groups[g] = count[g] > 0 ? fit.groups[g] / count[g] : fit.average;
  return fit;
}

}  // namespace

std::vector<std::optional<Fit>> fits(const Rows& rows, const std::vector<Partition>& partitions) {
  std::vector<Groups> groups;
  std::vector<std::size_t> place;  // of groups[n] in `partitions`
  std::size_t total = 0;
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    Groups one = groups_of(partitions[p]);
    if (one.sizes.size() < 2 || one.sizes.size() >= rows.count) continue;
    total += one.sizes.size();
    groups.push_back(std::move(one));
    place.push_back(p);
  }
  std::vector<std::optional<Fit>> out(partitions.size());
  if (rows.count * rows.count * groups.size() <= kMostDistances) {
    auto values = from_distances(rows, all_of(rows), groups);
    for (std::size_t n = 0; n < groups.size(); ++n) out[place[n]] = exactly(groups[n], values[n]);
  } else if (total * rows.count > kMostSums) {
    const std::vector<std::size_t> sample = every_nth(rows.count, kSample);
    const auto exact = from_distances(rows, sample, groups);
    for (std::size_t n = 0; n < groups.size(); ++n) out[place[n]] = by_sample_alone(groups[n], sample, exact[n]);
  } else {
    std::vector<char> may_clip(rows.count, 0);
    std::vector<std::vector<double>> values;
    for (const Groups& one : groups) values.push_back(FromSums(rows, one).look(may_clip));
    std::vector<std::size_t> clipped;
    for (std::size_t i = 0; i < rows.count; ++i)
      if (may_clip[i]) clipped.push_back(i);
    const bool all = clipped.size() * rows.count * groups.size() <= kMostDistances;
    std::vector<std::size_t> sample = every_nth(clipped.size(), all ? clipped.size() : kSample);
    for (std::size_t& n : sample) n = clipped[n];
    const auto exact = from_distances(rows, sample, groups);
    for (std::size_t n = 0; n < groups.size(); ++n)
      out[place[n]] = corrected(groups[n], std::move(values[n]), clipped, sample, exact[n]);
  }
  return out;
}

}  // namespace deltascape::landscape
