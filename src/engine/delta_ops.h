// Owns delta propagation: an embedding is a difference, so rounding is made relative to the difference. Beside every
// row stands its twin in the base's pass, and a linear gives
//     y = y_base + W · bf16(x − x_base) + what the variant's operators add to the full x,
// accumulated in float32. Everything else (norms, rotation, softmax, activations, residual adds) is float32 on full
// values. The error is that of bf16 relative to the delta, at the speed of bf16 products.
// The tokens that will be read run in fp32 all the way: they are few (5 of 182), and their own rounding is most of the
// embedding's error (5e-3 with it, 8e-4 without, on real adapters; bench/precision.py).
#pragma once

#include "engine/plain_ops.h"

namespace deltascape::engine {

class DeltaOps final : public PlainOps {
 public:
  // `base`: what the base's pass through this layer recorded; its rows repeat for every variant.
  DeltaOps(const LayerRun& run, const Record& base) : PlainOps(run), base_(base) {}

  at::Tensor linear(model::Module module, const at::Tensor& x) override;

 private:
  // Overwrites the exact tokens' rows of y with W x + bias in fp32.
  void make_exact(model::Module module, const at::Tensor& x, const at::Tensor& y) const;
  // x − twin.x in bfloat16, of all variants; differs_ says whether any value is not zero.
  const at::Tensor& difference(const at::Tensor& x, const Twin& twin);
  // (W' − W) · x_base + W' · bf16(x − x_base) for a variant with a weight W' of its own: [rows, out].
  at::Tensor moved_by_own(model::Module module, const LayerOps& ops, const at::Tensor& d, const Twin& twin) const;

  const Record& base_;
  at::Tensor differing_, difference_;  // the last input and its difference: q, k, v and gate, up share theirs
  bool differs_ = false;
};

}  // namespace deltascape::engine
