// Owns the execution of decoding: what sequences have seen lies in tensors made once, so that a step adds a row to each
// and attends for all of them at once.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "engine/autograd_ops.h"
#include "engine/positions.h"

namespace deltascape::engine {

// Rotated keys and values of the decoder's layers. Which rows of a sequence are there, Batch::seen says.
class SeenRows {
 public:
  // Place for `rows` rows of each sequence; with a prefix (GenerateOptions) its first are there already.
  SeenRows(const model::ModelSpec& spec, std::size_t sequences, std::int64_t rows, const at::TensorOptions& options);
  void set_prefix(const at::Tensor& prefix);
  // Sequence `from` takes the place of `to`: its first `rows` rows.
  void move(std::size_t from, std::size_t to, std::int64_t rows);

  struct Layer {
    at::Tensor k, v;  // [sequences, kv_heads, rows, head_dim], […, value_dim]
  };
  const Layer& at(int layer) const { return layers_[static_cast<std::size_t>(layer - first_)]; }

 private:
  int first_;  // of the decoder
  std::vector<Layer> layers_;
};

// A pass of one batch; Batch::seen counts the rows before it.
class DecodeOps final : public AutogradOps {
 public:
  // All outlive this.
  DecodeOps(Weights& weights, const Operators& operators, const Batch& batch, const SeenRows& seen)
      : AutogradOps(weights, operators, batch), seen_(seen) {}
  at::Tensor attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v) override;

 private:
  at::Tensor one_by_one(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
  at::Tensor together(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
  const Angles& step_angles(int rope);                                            // of each sequence's one row
  const at::Tensor& step_bias(const model::LayerSpec& layer, std::int64_t keys);  // [sequences, heads or 1, 1, keys]

  const SeenRows& seen_;
  std::map<int, Angles> step_angles_;                 // by rope
  std::map<std::pair<int, int>, at::Tensor> biases_;  // by window, and layer where distances count
};

}  // namespace deltascape::engine
