// Owns plain bfloat16 execution, kept for comparison: every value is rounded to bfloat16 as a model loaded in that type
// rounds it, so small deltas drown. Operators stay in float32, as PEFT keeps them.
#pragma once

#include "engine/plain_ops.h"

namespace deltascape::engine {

class RoundedOps final : public PlainOps {
 public:
  explicit RoundedOps(const LayerRun& run) : PlainOps(run) {}

  at::Tensor linear(model::Module module, const at::Tensor& x) override;
  at::Tensor norm(model::Module module, const at::Tensor& x) override { return rounded(PlainOps::norm(module, x)); }
  at::Tensor attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v) override {
    return rounded(PlainOps::attention(layer, q, k, v));
  }
  at::Tensor cross_attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                             const at::Tensor& v) override {
    return rounded(PlainOps::cross_attention(layer, q, k, v));
  }
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override {
    return rounded(PlainOps::gate(activation, std::move(gate), up));
  }
  at::Tensor add(at::Tensor residual, const at::Tensor& y) override {
    return residual.copy_(rounded(PlainOps::add(residual, y)));
  }

  static at::Tensor rounded(const at::Tensor& x) { return x.to(at::kBFloat16).to(at::kFloat); }
};

}  // namespace deltascape::engine
