#include "engine/layout.h"

#include "deltascape/error.h"

namespace deltascape::engine {

Layout make_layout(std::vector<std::vector<std::int64_t>> probes) {
  if (probes.empty()) throw Error(ErrorCode::kUsage, "there are no probes");
  Layout l;
  for (const auto& probe : probes) {
    if (probe.empty()) throw Error(ErrorCode::kUsage, "a probe has no tokens: its text is empty");
    l.starts.push_back(l.tokens);
    l.tokens += static_cast<std::int64_t>(probe.size());
    l.ids.insert(l.ids.end(), probe.begin(), probe.end());
  }
  std::vector<std::int64_t> last;
  for (std::size_t p = 0; p < probes.size(); ++p)
    last.push_back(l.starts[p] + static_cast<std::int64_t>(probes[p].size()) - 1);
  l.last = at::tensor(last, at::kLong);
  l.probes = std::move(probes);
  return l;
}

Layout decoder_layout(const Layout& layout, std::int64_t start_token) {
  return make_layout(std::vector<std::vector<std::int64_t>>(layout.probes.size(), {start_token}));
}

}  // namespace deltascape::engine
