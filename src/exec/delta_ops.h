// Owns delta propagation: an embedding is a difference, so rounding is made relative to the difference. Beside every
// row stands its twin in the base's pass, and a linear gives
//     y = y_base + W · bf16(x − x_base) + what the variant's operators add to the full x,
// accumulated in float32. Everything else (norms, rotation, softmax, activations, residual adds) is float32 on full
// values. The error is that of bf16 relative to the delta, at the speed of bf16 products.
// The tokens that will be read run in fp32 all the way: they are few (5 of 182), and their own rounding is most of the
// embedding's error (5e-3 with it, 1e-3 without, on real adapters; bench/precision.py).
#pragma once

#include "exec/plain_ops.h"

namespace deltascape::engine {

class DeltaOps final : public PlainOps {
 public:
  // `base`: what the base's pass through this layer recorded; its rows repeat for every variant.
  DeltaOps(const LayerRun& run, const Record& base);

  at::Tensor linear(model::Module module, const at::Tensor& x) override;
  // As in the plain execution; on the way they make the difference that the next linear reads.
  at::Tensor norm(model::Module module, const at::Tensor& x) override;
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override;

 private:
  // Consecutive tokens of a variant that are rounded: all of a probe's, or all but the exact one at its end.
  struct Run {
    std::int64_t first = 0, count = 0;  // tokens
    std::int64_t place = 0;             // of the first one among the rounded tokens
  };
  // x − x_base in bfloat16, [variants · rounded tokens, in]; q, k, v and gate, up read one x and share it.
  struct Difference {
    at::Tensor of, value;
    bool any = false;  // whether any value of any token is not zero
  };
  // Fills the difference for `x` by row(row of x, row of the twin, where the difference goes) -> whether it is not
  // zero.
  template <class Row>
  void make_difference(const at::Tensor& x, const Row& row);
  void subtract_twin(const at::Tensor& x, const Twin& twin);
  // y = y_base + moved + operators, [rows, out]; `moved` may be undefined.
  at::Tensor moved_from(model::Module module, const at::Tensor& x, const at::Tensor& moved);
  // The exact tokens' rows of y become W x + bias + operators in fp32.
  void make_exact(model::Module module, const at::Tensor& x, const at::Tensor& y);
  // Where a variant of the chunk has more than low-rank terms: its W x as the base's result and the move from it. A
  // scale on the output multiplies both alike.
  class MovedSteps;
  // Variant v's W x + bias, with its own weight or the base's; x: its rows, as the weight reads them.
  at::Tensor moved_rows(model::Module module, const at::Tensor& x, const at::Tensor& own, const at::Tensor& bias,
                        std::size_t v) const;
  // (W' − W) · x_base + W' · d for a variant's own weight W': [tokens, out]; d [rounded tokens, in].
  at::Tensor moved_by_own(const at::Tensor& own, model::Module module, const at::Tensor& d) const;

  const Record& base_;
  std::vector<Run> runs_;
  std::int64_t rounded_ = 0;   // tokens of a variant in runs_
  at::Tensor rounded_tokens_;  // which they are, [rounded_]
  Difference difference_;
};

}  // namespace deltascape::engine
