// Owns how the probes' tokens lie in memory: one after the other, unpadded, so that a GEMM sees no padding;
// attention alone pads, to the longest probe.
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
  std::int64_t longest = 0;                       // T
  at::Tensor to_padded;    // [probes · longest]: which token stands there (the probe's first one in padding)
  at::Tensor from_padded;  // [tokens]: where each token stands in the padded order
  at::Tensor last;         // [probes]: each probe's last token
};

// Throws Error(kUsage) for a probe without tokens.
Layout make_layout(std::vector<std::vector<std::int64_t>> probes);

}  // namespace deltascape::engine
