// Owns one layer of the base, read once and ready for many products.
#pragma once

#include <ATen/ATen.h>

#include "engine/gemm.h"
#include "model/checkpoint.h"

namespace deltascape::engine {

struct LayerWeights {
  model::PerModule<PackedWeight> linear;
  model::PerModule<PackedWeight> linear16;  // the same in bfloat16, for delta propagation; else empty
  model::PerModule<at::Tensor> bias;
  model::PerModule<at::Tensor> norm;  // as it multiplies: Gemma's one is added
};

// Throws Error naming the tensor. `rows`: how many rows a product of the base will have; `rows16`: of the variants in
// bfloat16, 0 for none.
LayerWeights load_layer(const model::Checkpoint& checkpoint, int layer, at::ScalarType dtype, std::int64_t rows,
                        std::int64_t rows16);
// A norm's weight as it multiplies, [hidden] or [head_dim].
at::Tensor norm_weight(const model::ModelSpec& spec, const at::Tensor& stored);

}  // namespace deltascape::engine
