// Owns how the probes' rows lie in memory: one after the other, unpadded. A row is a token's, or before a probe's
// tokens a virtual one's.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "adapter/virtual_tokens.h"

namespace deltascape::engine {

struct Layout {
  std::vector<std::vector<std::int64_t>> probes;   // token ids
  std::vector<std::int64_t> ids;                   // all of them in order
  adapter::VirtualTokens before;                   // each probe's tokens
  std::vector<std::int64_t> starts;                // first row of each probe
  std::int64_t tokens = 0;                         // rows of all probes
  at::Tensor last;                                 // [probes]: the row of each probe's last token
  std::int64_t length(std::int64_t probe) const {  // rows
    return before.rows + static_cast<std::int64_t>(probes[static_cast<std::size_t>(probe)].size());
  }
};

// Throws Error(kUsage) for a probe without tokens.
Layout make_layout(std::vector<std::vector<std::int64_t>> probes, adapter::VirtualTokens before = {});
// What the decoder of an encoder-decoder begins with: one start token for each of the layout's probes.
Layout decoder_layout(const Layout& layout, std::int64_t start_token);

}  // namespace deltascape::engine
