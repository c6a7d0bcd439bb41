// Owns one layer of the base, read once and ready for many products.
#pragma once

#include <ATen/ATen.h>

#include <functional>

#include "exec/gemm.h"
#include "model/checkpoint.h"

namespace deltascape::engine {

struct LayerWeights {
  model::PerModule<PackedWeight> linear;
  model::PerModule<PackedWeight> linear16;  // the same in bfloat16, for delta propagation; else empty
  model::PerModule<at::Tensor> bias;
  model::PerModule<at::Tensor> norm;  // as it multiplies: Gemma's one is added; parameters as they are
  at::Tensor relative;                // table of relative positions, [buckets, heads], where the layer has one
  bool shows_file = false;            // some of linear16 are the checkpoint's own bytes: keep them in memory
};

// A layer's weights but its experts': its linears as `linear` makes them, all else as `read` reads it.
LayerWeights gathered(const model::ModelSpec& spec, int layer,
                      const std::function<at::Tensor(model::Site, model::Param)>& read,
                      const std::function<void(model::Site, LayerWeights&)>& linear);

// How many rows a layer's products will have: of the base's type, and of the variants in bfloat16 (0: none). `each` is
// a usual product's, `all` those of a pass together, where a product counts for no less than kLeastCounted.
struct ProductRows {
  static constexpr std::int64_t kLeastCounted = 128;
  std::int64_t each = 0, all = 0, each16 = 0, all16 = 0;
};

// Reads layers of one checkpoint; keeps one buffer for what is decoded before it is reordered.
class LayerLoader {
 public:
  // `few`: of the linears that read less than the text (ModelSpec::reads_text).
  LayerLoader(const model::Checkpoint& checkpoint, at::ScalarType dtype, ProductRows rows, ProductRows few)
      : checkpoint_(checkpoint), dtype_(dtype), rows_(rows), few_(few) {}
  // Throws Error naming the tensor.
  LayerWeights load(int layer);

 private:
  void load_linear(model::Site site, LayerWeights& out);

  const model::Checkpoint& checkpoint_;
  at::ScalarType dtype_;
  ProductRows rows_, few_;
  at::Tensor buffer_;
};

// What a norm multiplies by and adds, each as wide as what it normalises, or where heads have weights of their own as
// wide as all of them; undefined: nothing.
struct Norm {
  at::Tensor weight, bias;
};
// A norm's weight as it multiplies, [hidden] or [head_dim].
at::Tensor norm_weight(const model::ModelSpec& spec, const at::Tensor& stored);
Norm loaded_norm(const model::Checkpoint& model, model::Site site, at::ScalarType dtype);
// The norm of a variant that brings a stored weight or bias of its own; undefined: the base's.
Norm replaced(const model::ModelSpec& spec, Norm base, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace deltascape::engine
