#include "engine/layout.h"

#include <algorithm>

#include "deltascape/error.h"

namespace deltascape::engine {

Layout make_layout(std::vector<std::vector<std::int64_t>> probes) {
  if (probes.empty()) throw Error(ErrorCode::kUsage, "there are no probes");
  Layout l;
  for (const auto& probe : probes) {
    if (probe.empty()) throw Error(ErrorCode::kUsage, "a probe has no tokens: its text is empty");
    l.starts.push_back(l.tokens);
    l.tokens += static_cast<std::int64_t>(probe.size());
    l.longest = std::max(l.longest, static_cast<std::int64_t>(probe.size()));
    l.ids.insert(l.ids.end(), probe.begin(), probe.end());
  }
  std::vector<std::int64_t> to, from, last;
  for (std::size_t p = 0; p < probes.size(); ++p) {
    const auto size = static_cast<std::int64_t>(probes[p].size());
    last.push_back(l.starts[p] + size - 1);
    for (std::int64_t t = 0; t < l.longest; ++t) {
      to.push_back(l.starts[p] + (t < size ? t : 0));
      if (t < size) from.push_back(static_cast<std::int64_t>(p) * l.longest + t);
    }
  }
  l.to_padded = at::tensor(to, at::kLong);
  l.from_padded = at::tensor(from, at::kLong);
  l.last = at::tensor(last, at::kLong);
  l.probes = std::move(probes);
  return l;
}

}  // namespace deltascape::engine
