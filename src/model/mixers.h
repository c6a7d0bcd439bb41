// Recurrent mixers in place of attention: Mamba 2 (arXiv 2405.21060) and the gated delta net (arXiv 2412.06464), in
// ATen over whole sequences.
#pragma once

#include "model/block.h"

namespace deltascape::model {

// What the layer's mixer adds to the needed rows: x [rows, hidden] -> [needed rows, hidden].
at::Tensor run_mixer(const ModelSpec& spec, const LayerSpec& layer, BlockOps& ops, const at::Tensor& x);

}  // namespace deltascape::model
