// What the sequences of a batch have behind them: rotated keys and values, layer by layer. Training reads a tuned
// prefix there (arXiv 2101.00190, as PEFT does it: positions count from there on), decoding adds a row a step.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "model/block.h"

namespace deltascape::engine {

class Cache {
 public:
  struct Layer {
    at::Tensor k, v;                            // [sequences, kv_heads, rows, head_dim], [..., value_dim]
    std::vector<model::RecurrentState> states;  // each sequence's, of a layer that has no keys
    std::vector<at::Tensor> cross_k, cross_v;   // each sequence's of the encoder's rows, [kv_heads, rows, dim]
  };

  // Place for `rows` rows of each sequence in the decoder's layers, which passes without gradients fill.
  Cache(const model::ModelSpec& spec, std::size_t sequences, std::int64_t rows, const at::TensorOptions& options);
  // Every sequence has seen this prefix, [2·layers, kv_heads, virtual tokens, head_dim], which may want a gradient.
  // Passes read it and add nothing.
  Cache(const model::ModelSpec& spec, std::size_t sequences, const at::Tensor& prefix);
  // One layer of another cache, for passes that read it.
  Cache(int layers, int layer, Layer known, std::vector<std::int64_t> seen);

  void start_with(const at::Tensor& prefix);               // copies it into the first rows of each sequence
  void advance(const std::vector<std::int64_t>& lengths);  // so many rows more of each are there
  // order[i] takes the place i, and is no less than i; those beyond go.
  void keep(const std::vector<std::size_t>& order);

  Layer& at(int layer) { return layers_[static_cast<std::size_t>(layer)]; }
  bool grows() const { return grows_; }
  const std::vector<std::int64_t>& seen() const { return seen_; }  // rows of each sequence

 private:
  std::vector<Layer> layers_;  // as many as the model has
  std::vector<std::int64_t> seen_;
  bool grows_;
};

}  // namespace deltascape::engine
