// Owns delta propagation: an embedding is a difference, so rounding is made relative to the difference. Beside every
// row stands its twin in the base's pass, and a linear gives
//     y = y_base + W · bf16(x − x_base) + what the variant's operators add to the full x,
// accumulated in float32. Everything else (norms, rotation, softmax, activations, residual adds) is float32 on full
// values. The error is that of bf16 relative to the delta, at the speed of bf16 products.
// The tokens that will be read run in fp32 all the way: they are few (5 of 182), and their own rounding is most of the
// embedding's error (5e-3 with it, 1e-3 without, on real adapters; bench/precision.py).
#pragma once

#include "engine/plain_ops.h"

namespace deltascape::engine {

class DeltaOps final : public PlainOps {
 public:
  // `base`: what the base's pass through this layer recorded; its rows repeat for every variant.
  DeltaOps(const LayerRun& run, const Record& base) : PlainOps(run), base_(base) {}

  at::Tensor linear(model::Module module, const at::Tensor& x) override;
  // As in the plain execution; on the way they make the difference that the next linear reads.
  at::Tensor norm(model::Module module, const at::Tensor& x) override;
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override;

 private:
  // x − x_base in bfloat16, [rows, in]; q, k, v and gate, up read one x and share it.
  struct Difference {
    at::Tensor of, value;
    bool any = false;  // whether any value is not zero
  };
  // Rows of which every one has a twin in `t`.
  bool has_twins(const at::Tensor& t, const at::Tensor& x) const;
  void subtract_twin(const at::Tensor& x, const Twin& twin);
  // y = y_base + moved + operators, [rows, out]; `moved` may be undefined.
  at::Tensor moved_from(model::Module module, const at::Tensor& x, const at::Tensor& moved);
  // The exact tokens' rows of y become W x + bias + operators in fp32.
  void make_exact(model::Module module, const at::Tensor& x, const at::Tensor& y);
  // linear() without operators, where a variant of the chunk has a weight or bias of its own.
  at::Tensor own_linear(model::Module module, const at::Tensor& x);
  // (W' − W) · x_base + W' · d for a variant's own weight W': [rows, out].
  at::Tensor moved_by_own(const at::Tensor& own, model::Module module, const at::Tensor& d) const;

  const Record& base_;
  Difference difference_;
};

}  // namespace deltascape::engine
