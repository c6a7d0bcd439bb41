// Owns where hidden states are read: after which blocks, and which tokens of a probe.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "exec/layout.h"
#include "model/spec.h"

namespace deltascape::engine {

// How a probe's tokens become one row: the last one; their mean; their mean weighted by position (i+1, normalised).
enum class Position { kLast, kMean, kWeighted };

struct Tap {
  int block = 0;       // after this many blocks of all stacks: layer_count is the last residual
  bool ended = false;  // read after what comes behind the last block, a norm as a rule (only with block == layer_count)
};

struct Taps {
  std::vector<Tap> taps;  // in the order of the result's first dimension
  Position position = Position::kLast;
  int first = 0;  // blocks before the stack that is read: of an encoder
  int deepest() const;
};

// "last", "all", "N", "0.5", "29-pre" (docs/design.md §5.2) of this model's decoder, and "last", "mean" or "weighted";
// Error(kUsage) otherwise.
Taps parse_taps(const std::string& layer, const std::string& position, const model::ModelSpec& spec);
Position parse_position(const std::string& position);

// hidden: [variants, tokens, d] -> [variants, probes, d]. Each row is a function of its own probe's tokens alone.
at::Tensor pool(const at::Tensor& hidden, const Layout& layout, Position position);

// What several taps read, [rows, width] each -> [taps, rows, the greatest width]. Narrower ones (behind a projection to
// ModelSpec::embed_width) end in zeros, which leave norms and cosines alone.
at::Tensor stacked(std::vector<at::Tensor> taps);

}  // namespace deltascape::engine
