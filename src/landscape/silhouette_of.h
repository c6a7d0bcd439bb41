// The silhouette of one row from its mean distances to groups.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace deltascape::landscape {

// distance_sums[c]: from the row to the members of group c, itself at 0; sizes[c]: members, itself included.
inline double silhouette_of(std::span<const double> distance_sums, std::span<const std::size_t> sizes,
                            std::size_t own) {
  // Rows that were rounded to float32 on their way do not tell distances below this from none.
  constexpr double kNone = 1e-14;
  if (sizes[own] < 2) return 0;
  const double inside = distance_sums[own] / static_cast<double>(sizes[own] - 1);
  double outside = -1;
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    if (c == own || sizes[c] == 0) continue;
    const double mean = distance_sums[c] / static_cast<double>(sizes[c]);
    if (outside < 0 || mean < outside) outside = mean;
  }
  const double larger = std::max(inside, outside);
  return larger > kNone && outside >= 0 ? (outside - inside) / larger : 0;
}

}  // namespace deltascape::landscape
