#include "landscape/lloyd.h"

#include <algorithm>

#include "landscape/parallel.h"
#include "landscape/products.h"

namespace deltascape::landscape {

Assigned assign(const Rows& rows, Which which, const Centres& centres) {
  constexpr std::size_t kCentres = 256;  // a run of them: their panels stay in the level-2 cache
  std::vector<Panels> runs;
  for (std::size_t first = 0; first < centres.count; first += kCentres) {
    const std::size_t count = std::min(kCentres, centres.count - first);
    runs.emplace_back().pack(std::span(centres.values).subspan(first * rows.width, count * rows.width), count,
                             rows.width);
  }
  Assigned out{std::vector<std::size_t>(which.size()), std::vector<double>(which.size())};
  parallel_blocks(which.size(), kTileRows, [&](std::size_t begin, std::size_t end) {
    thread_local Panels left;
    thread_local std::vector<double> values;
    left.pack(rows, which.subspan(begin, end - begin));
    for (std::size_t r = 0; r < runs.size(); ++r) {
      products(left, runs[r], values);
      for (std::size_t i = begin; i < end; ++i)
        for (std::size_t c = 0; c < runs[r].count(); ++c) {
          const std::size_t centre = r * kCentres + c;
          const double product =
              values[(i - begin) * runs[r].padded() + c] - (centres.offsets.empty() ? 0 : centres.offsets[centre]);
          if (centre > 0 && product <= out.product[i]) continue;
          out.group[i] = centre;
          out.product[i] = product;
        }
    }
  });
  return out;
}

}  // namespace deltascape::landscape
