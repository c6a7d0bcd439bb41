// Owns the plain execution of a block's operations: several variants of one base packed in the rows, each with its
// operators, all products through the base's shared weights.
#pragma once

#include <span>

#include "adapter/operators.h"
#include "engine/attention.h"
#include "engine/gemm.h"
#include "model/block.h"
#include "model/checkpoint.h"

namespace deltascape::engine {

// One layer of the base, ready to run.
struct LayerWeights {
  model::PerModule<PackedWeight> linear;
  model::PerModule<at::Tensor> bias;
  model::PerModule<at::Tensor> norm;  // as it multiplies: Gemma's one is added
};
// Throws Error naming the tensor. `rows`: how many rows a product will have.
LayerWeights load_layer(const model::Checkpoint& checkpoint, int layer, at::ScalarType dtype, std::int64_t rows);
// A norm's weight as it multiplies, [hidden] or [head_dim].
at::Tensor norm_weight(const model::ModelSpec& spec, at::Tensor stored);

// What each variant of a chunk does in this layer; an empty table for the base itself.
using LayerOps = model::PerModule<adapter::ModuleOps>;

class PlainOps final : public model::BlockOps {
 public:
  // `tapped`: the only tokens whose results are needed, [probes]; undefined for all.
  PlainOps(const model::ModelSpec& spec, const LayerWeights& weights, const Attention& attention,
           std::span<const LayerOps> variants, at::Tensor tapped = {})
      : spec_(spec),
        weights_(weights),
        attention_(attention),
        variants_(variants),
        tapped_(std::move(tapped)),
        shrunk_(variants.size()) {}

  // x: [variants, tokens, in].
  at::Tensor linear(model::Module module, const at::Tensor& x) override;
  at::Tensor norm(model::Module module, const at::Tensor& x) override;
  at::Tensor attention(const model::LayerSpec& layer, at::Tensor q, at::Tensor k, const at::Tensor& v) override;
  at::Tensor needed(const at::Tensor& x) override { return tapped_.defined() ? x.index_select(1, tapped_) : x; }
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override;
  at::Tensor add(at::Tensor residual, const at::Tensor& y) override { return residual.add_(y); }

 private:
  void add_low_rank(std::size_t variant, model::Module module, const at::Tensor& x, at::Tensor y);

  const model::ModelSpec& spec_;
  const LayerWeights& weights_;
  const Attention& attention_;
  std::span<const LayerOps> variants_;
  at::Tensor tapped_;
  // Modules that read the same input (q, k, v; gate, up) share one product with their A's stacked: per variant
  // A x for all of them, valid while shrunk_input_ is what they read.
  at::Tensor shrunk_input_;
  std::vector<at::Tensor> shrunk_;  // [tokens, ranks of the modules, one after the other]
};

// RMSNorm over the last dimension: x [..., d], weight [d].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace deltascape::engine
