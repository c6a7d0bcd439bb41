#include "landscape/rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "landscape/kernels.h"
#include "landscape/parallel.h"

namespace deltascape::landscape {

Rows empty_rows(std::size_t count, std::size_t dim) {
  Rows rows;
  rows.count = count;
  rows.width = (dim + kPanel - 1) / kPanel * kPanel;
  rows.values.assign(count * rows.width, 0.0F);
  rows.scale.assign(count, 1.0);
  return rows;
}

void make_unit(Rows& rows) {
  parallel_blocks(rows.count, 256, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      double squares = 0;
      for (std::size_t k = 0; k < rows.width; ++k) squares += double{rows.row(i)[k]} * rows.row(i)[k];
      rows.scale[i] = squares > 0 ? 1 / std::sqrt(squares) : 0;
    }
  });
}

void centre(Rows& rows) {
  if (rows.count == 0) return;
  const std::vector<std::size_t> one_group(rows.count, 0);
  rows.shift = group_sums(rows, all_of(rows), one_group, 1);
  for (double& value : rows.shift) value /= static_cast<double>(rows.count);
}

Subset::Subset(const Rows& rows, const std::vector<std::size_t>& keep) {
  if (keep.size() == rows.count) {
    all_ = &rows;
    return;
  }
  some_.count = keep.size();
  some_.width = rows.width;
  some_.shift = rows.shift;
  some_.values.reserve(keep.size() * rows.width);
  for (const std::size_t i : keep) {
    some_.values.insert(some_.values.end(), rows.row(i), rows.row(i) + rows.width);
    some_.scale.push_back(rows.scale[i]);
  }
}

std::vector<std::size_t> all_of(const Rows& rows) {
  std::vector<std::size_t> which(rows.count);
  std::iota(which.begin(), which.end(), std::size_t{0});
  return which;
}

std::vector<std::size_t> every_nth(std::size_t count, std::size_t most) {
  std::vector<std::size_t> out(std::min(count, most));
  for (std::size_t n = 0; n < out.size(); ++n) out[n] = n * count / out.size();
  return out;
}

std::vector<double> group_sums_of_values(const Rows& rows, Which which, std::span<const double> factors,
                                         std::span<const std::size_t> group_of, std::size_t groups) {
  constexpr std::size_t kParts = 16, kMostForParts = 1 << 18;  // sums in a part: 2 MB
  constexpr std::size_t kColumns = 64;
  const std::size_t total = groups * rows.width;
  if (total <= kMostForParts) {
    // Rows read as they lie; as many parts on every machine, so that the sums are the same.
    std::vector<double> parts(kParts * total);
    parallel_blocks(kParts, 1, [&](std::size_t part, std::size_t) {
      for (std::size_t n = part * which.size() / kParts; n < (part + 1) * which.size() / kParts; ++n)
        add_scaled(rows.row(which[n]), factors[n], rows.width, parts.data() + part * total + group_of[n] * rows.width);
    });
    for (std::size_t part = 1; part < kParts; ++part)
      for (std::size_t k = 0; k < total; ++k) parts[k] += parts[part * total + k];
    parts.resize(total);
    return parts;
  }
  std::vector<double> sums(total);  // a task has some columns of all rows
  parallel_blocks(rows.width, kColumns, [&](std::size_t first, std::size_t last) {
    for (std::size_t n = 0; n < which.size(); ++n)
      add_scaled(rows.row(which[n]) + first, factors[n], last - first, sums.data() + group_of[n] * rows.width + first);
  });
  return sums;
}

std::vector<double> group_sums(const Rows& rows, Which which, std::span<const std::size_t> group_of,
                               std::size_t groups) {
  std::vector<double> factors(which.size());
  for (std::size_t n = 0; n < which.size(); ++n) factors[n] = rows.scale[which[n]];
  std::vector<double> sums = group_sums_of_values(rows, which, factors, group_of, groups);
  if (rows.shift.empty()) return sums;
  std::vector<double> sizes(groups);
  for (const std::size_t group : group_of) ++sizes[group];
  for (std::size_t n = 0; n < sums.size(); ++n) sums[n] -= sizes[n / rows.width] * rows.shift[n % rows.width];
  return sums;
}

}  // namespace deltascape::landscape
