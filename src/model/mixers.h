// Recurrent mixers in place of attention: Mamba 2 (arXiv 2405.21060) and the gated delta net (arXiv 2412.06464), in
// ATen over whole sequences.
#pragma once

#include "model/block.h"

namespace deltascape::model {

// Rows that see each other at once, as in attention; what lies before them is in the state.
inline constexpr std::int64_t kMixerChunk = 64;

// Over the root of the mean square of each run of `width` features.
at::Tensor unit(const at::Tensor& x, std::int64_t width, double eps);

// What the layer's mixer adds to the needed rows: x [rows, hidden] -> [needed rows, hidden].
at::Tensor run_mixer(const ModelSpec& spec, const LayerSpec& layer, BlockOps& ops, const at::Tensor& x);

}  // namespace deltascape::model
