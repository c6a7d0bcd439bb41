// The differentiable execution of a block's operations: plain ATen under autograd, nothing overwritten. Training,
// likelihoods and decoding run through it; every family of families.cpp runs in it.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <map>
#include <vector>

#include "adapter/operators.h"
#include "exec/positions.h"
#include "lm/cache.h"
#include "lm/weights.h"
#include "model/block.h"

namespace deltascape::engine {

// What one variant does at each site. Tensors that require a gradient get one.
using Operators = std::map<model::Site, adapter::ModuleOps>;
const adapter::ModuleOps* operator_at(const Operators& operators, model::Site site);  // or null

// What training adds to a pass.
struct TrainingPass {
  double dropout = 0;      // how much of what a LoRA's A reads is zero, the rest scaled up to the same mean
  std::uint64_t seed = 0;  // of the masks: equal seeds, equal masks, whatever ran before
  bool recompute = false;  // a block's results are made again for its gradients instead of being kept
};

// A batch: the sequences' rows stand one after the other, unpadded, so that training packs them and decoding brings
// one row each.
struct Batch {
  std::vector<std::int64_t> lengths;         // rows of each sequence
  std::int64_t shared = 0;                   // rows before all of these that each sequence begins with
  Cache* cache = nullptr;                    // what they have behind them
  at::Tensor virtual_rows;                   // which stand before each sequence's tokens, [rows, hidden], or undefined
  at::Tensor memory;                         // the encoder's rows of all sequences, [memory rows, hidden]
  std::vector<std::int64_t> memory_lengths;  // of each sequence
  TrainingPass training{};
};

class AutogradOps final : public model::BlockOps {
 public:
  // All outlive this. `operators` may be empty.
  AutogradOps(Weights& weights, const Operators& operators, const Batch& batch)
      : weights_(weights), spec_(weights.spec()), operators_(operators), batch_(batch) {}
  void enter(int layer) { layer_ = layer; }  // before run_block

  at::Tensor linear(model::Module module, const at::Tensor& x) override;
  at::Tensor norm(model::Module module, const at::Tensor& x) override;
  at::Tensor attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                       const at::Tensor& v) override;
  at::Tensor needed(const at::Tensor& x) override { return x; }
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override;
  at::Tensor add(at::Tensor residual, const at::Tensor& y) override { return residual + y; }
  at::Tensor experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) override;
  at::Tensor parameter(model::Module module, model::Param param) override;
  at::Tensor sequences(const at::Tensor& x, const model::SequenceStep& step) override;
  at::Tensor positions() override;
  at::Tensor memory() override;
  at::Tensor cross_attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                             const at::Tensor& v) override;
  // What comes after a stack's blocks: its norm, and behind the last one what makes the head's width of it.
  at::Tensor ended(const model::StackSpec& stack, const at::Tensor& x);

 private:
  model::Site site(model::Module module) const {
    return {module, model::in_block(module) ? layer_ : -1, model::of_expert(module) ? expert_ : -1};
  }
  const Angles& angles(int rope, std::int64_t length);
  // Attention within packed sequences that have nothing behind them; within sequences one by one; of one row each to
  // what lies in the cache (decode_attention.cpp).
  at::Tensor packed(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
  at::Tensor one_by_one(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
  at::Tensor decoded(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
  const Angles& step_angles(int rope);                                            // of each sequence's one row
  const at::Tensor& step_bias(const model::LayerSpec& layer, std::int64_t keys);  // [sequences, heads or 1, 1, keys]
  // What positions and the layer's mask add to the scores of queries first … first+n-1 against keys 0 … m-1.
  at::Tensor bias_on_scores(const model::LayerSpec& layer, std::int64_t first, std::int64_t n, std::int64_t m);

  Weights& weights_;
  const model::ModelSpec& spec_;
  const Operators& operators_;
  const Batch& batch_;
  int layer_ = 0;
  int expert_ = -1;
  std::map<std::pair<int, std::int64_t>, Angles> angles_;  // by rope and length, of the weights' type
  std::map<int, Angles> step_angles_;                      // by rope
  at::Tensor sinks(const model::LayerSpec& layer);         // of each head, [heads, 1, 1], or undefined
  std::map<std::array<int, 3>, at::Tensor> step_biases_;   // by window and chunk, and layer where distances count
};

// Whether sequences of up to `longest` rows may share those they begin with (Batch::shared): attention is causal, runs
// packed in every layer, and a row does not depend on how long its sequence is.
bool shares_beginnings(const model::ModelSpec& spec, std::int64_t longest);

// The forward pass around the blocks. ids: tokens of all sequences, one after the other.
// Hidden rows before the first block: [rows, hidden]. A model with learned positions needs the batch, virtual rows too.
at::Tensor embed_tokens(Weights& weights, const Operators& operators, const std::vector<std::int64_t>& ids,
                        const Batch* batch = nullptr);
// Through one stack's blocks and its final norm: [rows, hidden] -> the same. `states`, when given, takes what
// transformers calls hidden_states: the input, the residual after each block but the last, the result.
at::Tensor run_stack(Weights& weights, const Operators& operators, const Batch& batch, int stack, at::Tensor hidden,
                     std::vector<at::Tensor>* states = nullptr);
// [rows, width] that run_stack gave -> [rows, vocabulary], scaled and soft-capped.
at::Tensor logits(Weights& weights, const Operators& operators, const at::Tensor& hidden);
// The negative log-likelihood of targets [rows] (int64) where hidden [rows, hidden], after the final norm, stands
// before them -> [rows]. Never holds more than a part of [rows, vocabulary].
at::Tensor token_losses(Weights& weights, const Operators& operators, const at::Tensor& hidden,
                        const at::Tensor& targets);

}  // namespace deltascape::engine
