#include "engine/decode_ops.h"

#include <ATen/TensorIndexing.h>

#include <algorithm>

#include "engine/aten_math.h"

namespace deltascape::engine {

SeenRows::SeenRows(const model::ModelSpec& spec, std::size_t sequences, std::int64_t rows,
                   const at::TensorOptions& options)
    : first_(spec.decoder_first()) {
  const auto count = static_cast<std::int64_t>(sequences);
  // Zeros: a row that is not there yet is multiplied by zero.
  for (int layer = first_; layer < spec.layer_count(); ++layer)
    layers_.push_back({at::zeros({count, spec.kv_heads, rows, spec.head_dim}, options),
                       at::zeros({count, spec.kv_heads, rows, spec.value_dim}, options)});
}

void SeenRows::set_prefix(const at::Tensor& prefix) {
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    const auto at = static_cast<std::int64_t>(2 * layer);
    layers_[layer].k.narrow(2, 0, prefix.size(2)).copy_(prefix[at]);
    layers_[layer].v.narrow(2, 0, prefix.size(2)).copy_(prefix[at + 1]);
  }
}

void SeenRows::move(std::size_t from, std::size_t to, std::int64_t rows) {
  if (from == to) return;
  for (const Layer& layer : layers_)
    for (const at::Tensor& all : {layer.k, layer.v})
      all[static_cast<std::int64_t>(to)]
          .narrow(1, 0, rows)
          .copy_(all[static_cast<std::int64_t>(from)].narrow(1, 0, rows));
}

at::Tensor DecodeOps::attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v) {
  const bool step = std::ranges::all_of(batch_.lengths, [](std::int64_t n) { return n == 1; });
  return step ? together(layer, q, k, v) : one_by_one(layer, q, k, v);
}

at::Tensor DecodeOps::one_by_one(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) {
  const model::RopeSpec* rope = spec_.rope_of(layer);
  std::vector<at::Tensor> out;
  std::int64_t row = 0;
  for (std::size_t s = 0; s < batch_.lengths.size(); ++s) {
    const std::int64_t n = batch_.lengths[s], seen = batch_.seen[s], all = seen + n;
    const auto heads = [&](const at::Tensor& x, std::int64_t dim) { return x.narrow(0, row, n).view({n, -1, dim}); };
    at::Tensor qs = heads(q, spec_.head_dim), ks = heads(k, spec_.head_dim);
    if (rope != nullptr) {
      qs = rotate(*rope, qs, seen, all);
      ks = rotate(*rope, ks, seen, all);
    }
    const auto at = static_cast<std::int64_t>(s);
    const at::Tensor keys = seen_.at(layer_).k[at].narrow(1, 0, all), values = seen_.at(layer_).v[at].narrow(1, 0, all);
    keys.narrow(1, seen, n).copy_(ks.transpose(0, 1));
    values.narrow(1, seen, n).copy_(heads(v, spec_.value_dim).transpose(0, 1));
    out.push_back(attend(spec_, qs.transpose(0, 1), keys, values, bias_on_scores(layer, seen, n, all)));
    row += n;
  }
  return at::cat(out);
}

at::Tensor DecodeOps::together(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v) {
  const std::int64_t sequences = q.size(0), share = spec_.heads / spec_.kv_heads;
  const std::int64_t keys = *std::ranges::max_element(batch_.seen) + 1;
  at::Tensor qs = q.view({sequences, -1, spec_.head_dim}), ks = k.view({sequences, -1, spec_.head_dim});
  if (const model::RopeSpec* rope = spec_.rope_of(layer)) {
    qs = rotate(*rope, qs, step_angles(layer.rope));
    ks = rotate(*rope, ks, step_angles(layer.rope));
  }
  const auto all = [&](const at::Tensor& x) { return x.narrow(0, 0, sequences).narrow(2, 0, keys); };
  const at::Tensor place = at::arange(sequences, at::kLong), last = at::tensor(batch_.seen, at::kLong);
  using at::indexing::Slice;
  at::Tensor known = seen_.at(layer_).k, values = seen_.at(layer_).v;
  known.index_put_({place, Slice(), last}, ks);
  values.index_put_({place, Slice(), last}, v.view({sequences, -1, spec_.value_dim}));
  qs = qs.reshape({sequences, spec_.kv_heads, share, spec_.head_dim});
  at::Tensor scores = at::matmul(qs, all(known).transpose(-2, -1)) * spec_.attention_scale;  // […, share, keys]
  if (spec_.attention_softcap > 0) scores = at::tanh(scores / spec_.attention_softcap) * spec_.attention_softcap;
  const at::Tensor& bias = step_bias(layer, keys);
  scores = bias.size(1) == 1 ? scores + bias : scores + bias.view({sequences, spec_.kv_heads, share, keys});
  return at::matmul(at::softmax(scores, -1), all(values)).view({sequences, -1});
}

const Angles& DecodeOps::step_angles(int rope) {
  if (const auto known = step_angles_.find(rope); known != step_angles_.end()) return known->second;
  std::vector<at::Tensor> cos, sin;
  for (const std::int64_t seen : batch_.seen) {
    Angles one = rope_angles(spec_.ropes[static_cast<std::size_t>(rope)], seen, 1, seen + 1);
    cos.push_back(std::move(one.cos));
    sin.push_back(std::move(one.sin));
  }
  return step_angles_[rope] = {at::cat(cos).to(weights_.dtype()), at::cat(sin).to(weights_.dtype())};
}

const at::Tensor& DecodeOps::step_bias(const model::LayerSpec& layer, std::int64_t keys) {
  const std::pair key(layer.window, spec_.counts_distances() ? layer_ : -1);
  if (const auto known = biases_.find(key); known != biases_.end()) return known->second;
  std::vector<at::Tensor> each;
  for (const std::int64_t seen : batch_.seen) {
    const at::Tensor one = bias_on_scores(layer, seen, 1, keys);  // [1, keys] or [heads, 1, keys]
    each.push_back(one.dim() == 2 ? one.unsqueeze(0) : one);
  }
  return biases_[key] = at::stack(each);
}

}  // namespace deltascape::engine
