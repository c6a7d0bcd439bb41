// Owns steps of the differentiable execution whose gradients are written by hand: fewer passes over memory, and less
// kept for the way back, than a chain of ATen's operations. Each has one form in aten_math.h or autograd_ops.cpp that
// covers every case; these cover the common ones, on the processor, in float and double, and say which.
// Gradients of gradients are not computed.
#pragma once

#include <ATen/ATen.h>

#include "adapter/operators.h"
#include "exec/positions.h"
#include "lm/training_kernels.h"
#include "lm/weights.h"

namespace deltascape::engine {

// y = W x + bias + scale · B (A x), W and bias frozen: x [rows, in] -> [rows, out]. W is multiplied in
// Weights::products(); nothing is kept for W's part, and of the low-rank part x alone. `bias` and `low_rank` may be
// undefined and null. `weights` must outlive the graph.
at::Tensor frozen_linear(Weights& weights, model::Site site, const at::Tensor& x, const at::Tensor& bias,
                         const adapter::LowRank* low_rank);
// The product of a weight that is trained, or some variant's own: rounded like the others.
at::Tensor own_linear(const Weights& weights, const at::Tensor& weight, const at::Tensor& x, const at::Tensor& bias);

// RMS norm with a frozen weight over runs of its width: x [rows, n·width] -> the same.
at::Tensor rms_normalised(const at::Tensor& x, const at::Tensor& weight, double eps);

// activation(gate) · up; keeps the two alone. Which activations: has_fused_gate().
bool has_fused_gate(model::Activation activation);
at::Tensor fused_gate(model::Activation activation, const at::Tensor& gate, const at::Tensor& up);

// x with a share of its elements zero and the others scaled up to the same mean; equal keys, equal masks.
at::Tensor dropped(const at::Tensor& x, double share, std::uint64_t key);

// What attention of packed sequences without a cache needs to know.
struct PackedAttention {
  std::vector<std::int64_t> lengths;  // rows of each sequence
  std::int64_t shared = 0;            // rows before all of these that each sequence begins with
  std::vector<Angles> angles;         // of each sequence with these, of q's type; empty where nothing turns
  kernels::Turn turn{};               // of q and k; `turned` 0: nothing does
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0, value_dim = 0;
  double scale = 1;
  bool causal = true;
};
// q [rows, heads·head_dim], k [rows, kv_heads·head_dim], v [rows, kv_heads·value_dim] -> [rows, heads·value_dim]:
// rotated, then attention within each sequence by ATen's flash kernel, which never makes a matrix of scores. Keeps q,
// k, v and the result. Head and value widths have to be equal.
at::Tensor packed_attention(PackedAttention attention, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// The frozen head's token_losses (autograd_ops.h): logits are made a part at a time, and with them, where a gradient
// is wanted, that of the hidden rows, which is all that is kept.
at::Tensor head_losses(Weights& weights, model::Site head, const at::Tensor& hidden, const at::Tensor& targets);

}  // namespace deltascape::engine
