#include "landscape/probes.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "core/student.h"
#include "landscape/products.h"
#include "landscape/similarity.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kMostVectors = 4096;  // their products take 128 MB
constexpr std::size_t kFewestToDraw = 6;
constexpr std::size_t kDraws = 2000;
constexpr double kTail = 0.025;

std::vector<double> evenly(std::size_t probes) { return std::vector<double>(probes, 1 / static_cast<double>(probes)); }

// One value a replicate, [number][replicate].
std::vector<std::vector<double>> by_number(const std::vector<std::vector<double>>& replicates) {
  std::vector<std::vector<double>> out(replicates.front().size());
  for (const std::vector<double>& one : replicates)
    for (std::size_t n = 0; n < out.size(); ++n) out[n].push_back(one[n]);
  return out;
}

bool all_exist(double whole, const std::vector<double>& parts) {
  return std::isfinite(whole) && std::ranges::all_of(parts, [](double v) { return std::isfinite(v); });
}

// Linear between the two values beside it; sorted values.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

Bounds Bounds::around(double value, double least, double most) const {
  return {std::clamp(std::min(low, value), least, most), std::clamp(std::max(high, value), least, most)};
}

std::optional<ProbeProducts> ProbeProducts::of(std::span<const store::Record* const> records) {
  if (records.empty()) return std::nullopt;
  const auto probes = static_cast<std::size_t>(records.front()->probe_count);
  const auto dim = static_cast<std::size_t>(records.front()->dim);
  for (const store::Record* r : records)
    if (!has_probes(*r) || r->probe_count != records.front()->probe_count || r->dim != records.front()->dim)
      return std::nullopt;
  ProbeProducts out;
  out.records_ = records.size();
  out.probes_ = probes;
  const std::size_t count = records.size() * probes;
  if (count > kMostVectors) return std::nullopt;
  Rows rows = empty_rows(count, dim);
  for (std::size_t i = 0; i < count; ++i)
    std::copy_n(records[i / probes]->per_probe.begin() + static_cast<std::ptrdiff_t>(i % probes * dim), dim,
                rows.values.begin() + static_cast<std::ptrdiff_t>(i * rows.width));
  out.products_.resize(count * count);
  const std::vector<std::size_t> all = all_of(rows);
  for_each_tile_here(rows, all, all, [&](const Tile& tile) {
    for (std::size_t i = 0; i < tile.rows; ++i)
      std::ranges::copy(tile.row(i), out.products_.begin() +
                                         static_cast<std::ptrdiff_t>((tile.first_row + i) * count + tile.first_column));
  });
  return out;
}

Gram ProbeProducts::at(std::span<const double> weights) const {
  constexpr double kNothing = 1e-13;  // of what was added up
  const std::size_t stride = records_ * probes_;
  Gram out(records_);
  std::vector<char> cancelled(records_);
  for (std::size_t i = 0; i < records_; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0, size = 0;
      for (std::size_t p = 0; p < probes_; ++p) {
        const double* row = products_.data() + (i * probes_ + p) * stride + j * probes_;
        for (std::size_t q = 0; q < probes_; ++q) {
          const double term = weights[p] * weights[q] * row[q];
          sum += term;
          size += std::abs(term);
        }
      }
      out(i, j) = out(j, i) = sum;
      if (i == j) cancelled[i] = sum <= kNothing * size;
    }
  for (std::size_t i = 0; i < records_; ++i)
    for (std::size_t j = 0; j < records_; ++j)
      if (cancelled[i] || cancelled[j]) out(i, j) = 0;
  return out;
}

std::vector<std::optional<Bounds>> jackknife(const ProbeProducts& products, const Statistic& statistic) {
  const std::size_t probes = products.probes();
  const auto count = static_cast<double>(probes);
  const std::vector<double> whole = statistic(products.at(evenly(probes)));
  std::vector<std::vector<double>> replicates;
  for (std::size_t p = 0; p < probes; ++p) {
    std::vector<double> weights(probes, 1 / (count - 1));
    weights[p] = 0;
    replicates.push_back(statistic(products.at(weights)));
  }
  const std::vector<std::vector<double>> parts = by_number(replicates);
  const double reach = student_quantile(kTail, count - 1);
  std::vector<std::optional<Bounds>> out(whole.size());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    if (!all_exist(whole[n], parts[n])) continue;
    double mean = 0, squares = 0;
    for (const double value : parts[n]) mean += value / count;
    for (const double value : parts[n]) squares += (value - mean) * (value - mean);
    const double centre = count * whole[n] - (count - 1) * mean;
    const double half = reach * std::sqrt((count - 1) / count * squares);
    out[n] = {std::min(whole[n], centre - half), std::max(whole[n], centre + half)};
  }
  return out;
}

std::vector<std::optional<Bounds>> bootstrap(const ProbeProducts& products, const Statistic& statistic,
                                             std::uint64_t seed) {
  const std::size_t probes = products.probes();
  const std::vector<double> whole = statistic(products.at(evenly(probes)));
  std::vector<std::optional<Bounds>> out(whole.size());
  if (probes < kFewestToDraw) return out;
  std::mt19937_64 random(seed);
  std::vector<std::vector<double>> replicates;
  for (std::size_t draw = 0; draw < kDraws; ++draw) {
    std::vector<double> weights(probes);
    for (std::size_t p = 0; p < probes; ++p) weights[random() % probes] += 1 / static_cast<double>(probes);
    replicates.push_back(statistic(products.at(weights)));
  }
  std::vector<std::vector<double>> parts = by_number(replicates);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    if (!all_exist(whole[n], parts[n])) continue;
    std::ranges::sort(parts[n]);
    out[n] = {std::min(whole[n], 2 * whole[n] - quantile(parts[n], 1 - kTail)),
              std::max(whole[n], 2 * whole[n] - quantile(parts[n], kTail))};
  }
  return out;
}

}  // namespace deltascape::landscape
