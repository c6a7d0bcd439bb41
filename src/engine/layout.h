// Owns how the probes' tokens lie in memory: one after the other, unpadded.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace deltascape::engine {

struct Layout {
  std::vector<std::vector<std::int64_t>> probes;  // token ids
  std::vector<std::int64_t> ids;                  // all of them in order, [tokens]
  std::vector<std::int64_t> starts;               // first token of each probe
  std::int64_t tokens = 0;                        // S
  at::Tensor last;                                // [probes]: each probe's last token
  std::int64_t length(std::int64_t probe) const {
    return static_cast<std::int64_t>(probes[static_cast<std::size_t>(probe)].size());
  }
};

// Throws Error(kUsage) for a probe without tokens.
Layout make_layout(std::vector<std::vector<std::int64_t>> probes);
// What the decoder of an encoder-decoder begins with: one start token for each of the layout's probes.
Layout decoder_layout(const Layout& layout, std::int64_t start_token);

}  // namespace deltascape::engine
