// Owns the one description of a transformer block. What it computes is written once here, over a small set of
// operations; how they are executed (plain, recording, delta, differentiable) is the policy that implements BlockOps.
#pragma once

#include <ATen/ATen.h>

#include <functional>

#include "model/routing.h"
#include "model/spec.h"

namespace deltascape::model {

class BlockOps;
// An expert's MLP, [rows, hidden] -> [rows, hidden], described over the operations it is given.
using ExpertMlp = std::function<at::Tensor(BlockOps& ops, const at::Tensor& rows)>;

// What a sequence leaves behind it for a recurrent mixer; undefined before its first row.
struct RecurrentState {
  at::Tensor conv;    // the last rows that the convolution read, [kernel - 1, channels]
  at::Tensor memory;  // [heads, key_dim, head_dim]
};
// A sequence's rows through a recurrent mixer: [n, width] -> [n, …]. `variant`: whose rows they are, of those that
// parameter() tells apart.
using SequenceStep = std::function<at::Tensor(std::int64_t variant, const at::Tensor& rows, RecurrentState& state)>;

// Tensors are [rows, features]; which rows stand beside each other (variants, probes, tokens) is the policy's affair.
class BlockOps {
 public:
  virtual ~BlockOps() = default;
  // y = W x + bias + what a variant's operators add: [rows, in] -> [rows, out].
  virtual at::Tensor linear(Module module, const at::Tensor& x) = 0;
  // The norm over each run of as many features as the module's weight has: x [rows, n·width] -> the same, so that q and
  // k are normalised by head.
  virtual at::Tensor norm(Module module, const at::Tensor& x) = 0;
  // Positions as the layer has them (rotated q and k, or a bias on the scores), then attention within each sequence:
  // q [needed rows, heads·head_dim], k [rows, kv_heads·head_dim], v [rows, kv_heads·value_dim] -> [needed rows,
  // heads·value_dim].
  virtual at::Tensor attention(const LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v) = 0;
  // The rows whose results are needed from here on: all of them, or in the last block that is read the tapped tokens
  // alone. Keys and values are made from all rows before.
  virtual at::Tensor needed(const at::Tensor& x) = 0;
  // activation(gate) * up, or activation(gate) alone where `up` is undefined; may overwrite `gate`.
  virtual at::Tensor gate(Activation activation, at::Tensor gate, const at::Tensor& up) = 0;
  // residual + y; may overwrite `residual`.
  virtual at::Tensor add(at::Tensor residual, const at::Tensor& y) = 0;

  // A policy that runs no mixture of experts, no recurrent mixer or no encoder leaves the operations below as they are:
  // they throw.

  // What is neither a linear's nor a norm's (is_parameter), by variant: [variants, …], or [1, …] where all have the
  // same.
  virtual at::Tensor parameter(Module module, Param param = Param::kWeight);
  // Calls `step` for each sequence's rows of each variant: x [rows, width] -> [rows, …].
  virtual at::Tensor sequences(const at::Tensor& x, const SequenceStep& step);
  // The needed rows' positions in their sequences, [needed rows], int64.
  virtual at::Tensor positions();

  // Calls `mlp` once for each expert that rows are routed to, with those rows and with operations whose kExpert…
  // linears are that expert's: x [rows, hidden] -> [rows, hidden], each row the weighted sum of its experts' results.
  virtual at::Tensor experts(const at::Tensor& x, const Routing& routing, const ExpertMlp& mlp);
  // The encoder's rows, [memory rows, hidden]; undefined where the policy has this layer's cross keys and values.
  virtual at::Tensor memory();
  // Attention to all of the sequence's encoder rows, without positions: q [needed rows, heads·head_dim], k and v
  // [memory rows, …], undefined as memory() was -> like q.
  virtual at::Tensor cross_attention(const LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                     const at::Tensor& v);
};

// The residual stream of the needed rows after one block: x [rows, hidden] -> [needed rows, hidden]. `x` may be
// overwritten.
at::Tensor run_block(const ModelSpec& spec, int layer, BlockOps& ops, at::Tensor x);

}  // namespace deltascape::model
