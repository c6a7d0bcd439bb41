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

// Reads layers of one checkpoint; keeps one buffer for what is decoded before it is reordered.
class LayerLoader {
 public:
  // `rows`: how many rows a product of the base will have, as a hint; `rows16`: of the variants in bfloat16, 0 for
  // none.
  LayerLoader(const model::Checkpoint& checkpoint, at::ScalarType dtype, std::int64_t rows, std::int64_t rows16)
      : checkpoint_(checkpoint), dtype_(dtype), rows_(rows), rows16_(rows16) {}
  // Throws Error naming the tensor. The file's bytes leave memory as they are used.
  LayerWeights load(int layer);

 private:
  void load_linear(model::Site site, LayerWeights& out);

  const model::Checkpoint& checkpoint_;
  at::ScalarType dtype_;
  std::int64_t rows_, rows16_;
  at::Tensor buffer_;
};
// A norm's weight as it multiplies, [hidden] or [head_dim].
at::Tensor norm_weight(const model::ModelSpec& spec, const at::Tensor& stored);

}  // namespace deltascape::engine
