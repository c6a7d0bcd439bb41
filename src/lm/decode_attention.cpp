// Attention of decoding: each sequence has one row, which goes into the cache, and all attend at once.
#include <ATen/TensorIndexing.h>

#include <algorithm>

#include "exec/aten_math.h"
#include "lm/autograd_ops.h"

namespace deltascape::engine {

at::Tensor AutogradOps::decoded(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v) {
  const std::int64_t sequences = q.size(0), share = spec_.heads / spec_.kv_heads;
  const std::int64_t keys = *std::ranges::max_element(batch_.cache->seen()) + 1;
  at::Tensor qs = q.view({sequences, -1, spec_.head_dim}), ks = k.view({sequences, -1, spec_.head_dim});
  if (const model::RopeSpec* rope = spec_.rope_of(layer)) {
    qs = rotate(*rope, qs, step_angles(layer.rope));
    ks = rotate(*rope, ks, step_angles(layer.rope));
  }
  const auto all = [&](const at::Tensor& x) { return x.narrow(0, 0, sequences).narrow(2, 0, keys); };
  const at::Tensor place = at::arange(sequences, at::kLong), last = at::tensor(batch_.cache->seen(), at::kLong);
  using at::indexing::Slice;
  at::Tensor known = batch_.cache->at(layer_).k, values = batch_.cache->at(layer_).v;
  known.index_put_({place, Slice(), last}, ks);
  values.index_put_({place, Slice(), last}, v.view({sequences, -1, spec_.value_dim}));
  qs = qs.reshape({sequences, spec_.kv_heads, share, spec_.head_dim});
  at::Tensor scores = at::matmul(qs, all(known).transpose(-2, -1)) * spec_.attention_scale;  // […, share, keys]
  if (spec_.attention_softcap > 0) scores = at::tanh(scores / spec_.attention_softcap) * spec_.attention_softcap;
  const at::Tensor& bias = step_bias(layer, keys);
  scores = bias.size(1) == 1 ? scores + bias : scores + bias.view({sequences, spec_.kv_heads, share, keys});
  at::Tensor sink = sinks(layer);
  if (sink.defined()) sink = sink.view({1, spec_.kv_heads, share, 1});
  return at::matmul(attention_weights(scores, sink), all(values)).view({sequences, -1});
}

const Angles& AutogradOps::step_angles(int rope) {
  if (const auto known = step_angles_.find(rope); known != step_angles_.end()) return known->second;
  std::vector<at::Tensor> cos, sin;
  for (const std::int64_t seen : batch_.cache->seen()) {
    Angles one = rope_angles(spec_.ropes[static_cast<std::size_t>(rope)], seen, 1, seen + 1);
    cos.push_back(std::move(one.cos));
    sin.push_back(std::move(one.sin));
  }
  return step_angles_[rope] = {at::cat(cos).to(weights_.dtype()), at::cat(sin).to(weights_.dtype())};
}

const at::Tensor& AutogradOps::step_bias(const model::LayerSpec& layer, std::int64_t keys) {
  const std::array key{layer.window, layer.chunk, spec_.counts_distances() ? layer_ : -1};
  if (const auto known = step_biases_.find(key); known != step_biases_.end()) return known->second;
  std::vector<at::Tensor> each;
  for (const std::int64_t seen : batch_.cache->seen()) {
    const at::Tensor one = bias_on_scores(layer, seen, 1, keys);  // [1, keys] or [heads, 1, keys]
    each.push_back(one.dim() == 2 ? one.unsqueeze(0) : one);
  }
  return step_biases_[key] = at::stack(each);
}

}  // namespace deltascape::engine
