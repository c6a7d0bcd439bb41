#include "engine/attention.h"

#include <limits>

namespace deltascape::engine {

Attention::Attention(const model::ModelSpec& spec, const Layout& layout, at::ScalarType dtype)
    : spec_(spec), layout_(layout) {
  for (const model::RopeSpec& rope : spec.ropes) {
    // float32 whatever the precision, as models are trained and published: angle = position · frequency.
    std::vector<at::Tensor> cos, sin;
    for (const auto& probe : layout.probes) {
      const auto length = static_cast<std::int64_t>(probe.size());
      const std::vector<float> inverse = model::inverse_frequencies(rope, length);
      const at::Tensor angle = at::arange(length, at::kFloat).unsqueeze(1) * at::tensor(inverse).unsqueeze(0);
      cos.push_back(angle.cos() * model::rope_attention_factor(rope));
      sin.push_back(angle.sin() * model::rope_attention_factor(rope));
    }
    angles_.push_back({at::cat(cos).unsqueeze(1).to(dtype), at::cat(sin).unsqueeze(1).to(dtype)});
  }
}

// (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin) over halves of each head: [V, S, H·dim] -> [V, S, H, dim].
at::Tensor Attention::rotate(const at::Tensor& x, const Angles& a, std::int64_t heads) const {
  const std::int64_t half = spec_.head_dim / 2;
  const at::Tensor by_head = x.view({x.size(0), x.size(1), heads, spec_.head_dim});
  const at::Tensor x1 = by_head.narrow(3, 0, half), x2 = by_head.narrow(3, half, half);
  at::Tensor out = at::empty_like(by_head);
  at::Tensor y1 = out.narrow(3, 0, half), y2 = out.narrow(3, half, half);
  at::mul_out(y1, x1, a.cos).addcmul_(x2, a.sin, -1);
  at::mul_out(y2, x2, a.cos).addcmul_(x1, a.sin);
  return out;
}

// [V, S, H, dim] -> [V·P, H, T, dim], padding filled with a real token that no real query sees.
at::Tensor Attention::pad(const at::Tensor& x, std::int64_t heads) const {
  const auto probes = static_cast<std::int64_t>(layout_.probes.size());
  return x.index_select(1, layout_.to_padded)
      .view({x.size(0) * probes, layout_.longest, heads, spec_.head_dim})
      .transpose(1, 2);
}

at::Tensor Attention::explicit_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                         int window) const {
  const std::int64_t t = layout_.longest;
  at::Tensor scores = at::matmul(q, k.transpose(2, 3)).mul_(spec_.attention_scale);  // [V·P, H, T, T]
  if (spec_.attention_softcap > 0)
    scores.div_(spec_.attention_softcap).tanh_().mul_(spec_.attention_softcap);
  const at::Tensor i = at::arange(t).unsqueeze(1), j = at::arange(t).unsqueeze(0);
  at::Tensor hidden = j > i;
  if (window > 0) hidden = hidden | (j <= i - window);
  scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), v);
}

at::Tensor Attention::operator()(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) const {
  const Angles& a = angles_[static_cast<std::size_t>(layer.rope)];
  const at::Tensor qp = pad(rotate(q, a, spec_.heads), spec_.heads);
  at::Tensor kp = pad(rotate(k, a, spec_.kv_heads), spec_.kv_heads);
  at::Tensor vp = pad(v.view({v.size(0), v.size(1), spec_.kv_heads, spec_.head_dim}), spec_.kv_heads);
  if (spec_.heads != spec_.kv_heads) {
    const std::int64_t share = spec_.heads / spec_.kv_heads;
    kp = kp.repeat_interleave(share, 1);
    vp = vp.repeat_interleave(share, 1);
  }
  const bool windowed = layer.window > 0 && layer.window < layout_.longest;
  const at::Tensor y = windowed || spec_.attention_softcap > 0
                           ? explicit_attention(qp, kp, vp, layer.window)
                           : at::scaled_dot_product_attention(qp, kp, vp, {}, 0.0, true, spec_.attention_scale);
  const std::int64_t width = spec_.heads * spec_.head_dim;
  return y.transpose(1, 2)  // [V·P, T, H, dim]
      .reshape({q.size(0), -1, width})
      .index_select(1, layout_.from_padded);
}

}  // namespace deltascape::engine
