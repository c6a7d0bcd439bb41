#include "exec/layout.h"

#include "deltascape/error.h"

namespace deltascape::engine {

Layout make_layout(std::vector<std::vector<std::int64_t>> probes, adapter::VirtualTokens before) {
  if (probes.empty()) throw Error(ErrorCode::kUsage, "there are no probes");
  Layout l;
  l.before = before;
  std::vector<std::int64_t> last;
  for (const auto& probe : probes) {
    if (probe.empty()) throw Error(ErrorCode::kUsage, "a probe has no tokens: its text is empty");
    l.starts.push_back(l.tokens);
    l.tokens += before.rows + static_cast<std::int64_t>(probe.size());
    last.push_back(l.tokens - 1);
    l.ids.insert(l.ids.end(), probe.begin(), probe.end());
  }
  l.last = at::tensor(last, at::kLong);
  l.probes = std::move(probes);
  return l;
}

Layout decoder_layout(const Layout& layout, std::int64_t start_token) {
  return make_layout(std::vector<std::vector<std::int64_t>>(layout.probes.size(), {start_token}));
}

}  // namespace deltascape::engine
