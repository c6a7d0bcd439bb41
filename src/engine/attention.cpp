#include "engine/attention.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <cstring>
#include <limits>

#include "engine/kernels.h"

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
    angles_.push_back({at::cat(cos).to(dtype).contiguous(), at::cat(sin).to(dtype).contiguous()});
  }
}

// Padding holds a copy of the probe's first token: finite, and seen by no real query.
at::Tensor Attention::pad(const at::Tensor& x, const Angles* angles) const {
  const auto probes = static_cast<std::int64_t>(layout_.probes.size());
  const std::int64_t dim = spec_.head_dim, heads = spec_.heads, longest = layout_.longest, tokens = layout_.tokens;
  const std::int64_t stored = x.size(2) / dim, share = heads / stored;
  at::Tensor out = at::empty({x.size(0) * probes, heads, longest, dim}, x.options());
  const std::int64_t* source = layout_.to_padded.const_data_ptr<std::int64_t>();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "pad_heads", [&] {
    const scalar_t* from = x.const_data_ptr<scalar_t>();
    const scalar_t* cos = angles ? angles->cos.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* sin = angles ? angles->sin.const_data_ptr<scalar_t>() : nullptr;
    scalar_t* to = out.data_ptr<scalar_t>();
    at::parallel_for(0, x.size(0) * probes * heads, 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t sequence = i / heads, head = i % heads / share;
        const std::int64_t variant = sequence / probes, probe = sequence % probes;
        for (std::int64_t t = 0; t < longest; ++t) {
          const std::int64_t token = source[probe * longest + t];
          const scalar_t* row = from + ((variant * tokens + token) * stored + head) * dim;
          scalar_t* cell = to + (i * longest + t) * dim;
          if (angles) kernels::rotate(row, cos + token * dim / 2, sin + token * dim / 2, cell, dim / 2);
          else std::memcpy(cell, row, static_cast<std::size_t>(dim) * sizeof(scalar_t));
        }
      }
    });
  });
  return out;
}

// [variants·probes, heads, longest, dim] -> [variants, tokens, heads·dim].
at::Tensor Attention::unpad(const at::Tensor& y, std::int64_t variants) const {
  const std::int64_t dim = spec_.head_dim, heads = spec_.heads, longest = layout_.longest, tokens = layout_.tokens;
  const auto probes = static_cast<std::int64_t>(layout_.probes.size());
  at::Tensor out = at::empty({variants, tokens, heads * dim}, y.options());
  const std::int64_t* place = layout_.from_padded.const_data_ptr<std::int64_t>();
  const std::int64_t by_head = y.stride(1), by_token = y.stride(2), by_sequence = y.stride(0);
  TORCH_INTERNAL_ASSERT(y.stride(3) == 1);
  AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), "unpad_heads", [&] {
    const scalar_t* from = y.const_data_ptr<scalar_t>();
    scalar_t* to = out.data_ptr<scalar_t>();
    at::parallel_for(0, variants * tokens, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t variant = i / tokens, cell = place[i % tokens];
        const scalar_t* row = from + (variant * probes + cell / longest) * by_sequence + cell % longest * by_token;
        for (std::int64_t head = 0; head < heads; ++head)
          std::memcpy(to + (i * heads + head) * dim, row + head * by_head,
                      static_cast<std::size_t>(dim) * sizeof(scalar_t));
      }
    });
  });
  return out;
}

at::Tensor Attention::masked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& hidden) const {
  at::Tensor scores = at::matmul(q, k.transpose(2, 3)).mul_(spec_.attention_scale);  // [n, heads, Tq, T]
  if (spec_.attention_softcap > 0) scores.div_(spec_.attention_softcap).tanh_().mul_(spec_.attention_softcap);
  scores.masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1), v);
}

at::Tensor Attention::last_tokens(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) const {
  const auto probes = static_cast<std::int64_t>(layout_.probes.size());
  const Angles& angles = angles_[static_cast<std::size_t>(layer.rope)];
  const at::Tensor x = q.view({q.size(0), probes, spec_.heads, spec_.head_dim});
  const at::Tensor cos = angles.cos.index_select(0, layout_.last).unsqueeze(1);  // [probes, 1, dim/2]
  const at::Tensor sin = angles.sin.index_select(0, layout_.last).unsqueeze(1);
  const std::vector<at::Tensor> half = x.chunk(2, 3);
  const at::Tensor turned = at::cat({half[0] * cos - half[1] * sin, half[1] * cos + half[0] * sin}, 3);
  std::vector<std::int64_t> lengths;
  for (const auto& probe : layout_.probes) lengths.push_back(static_cast<std::int64_t>(probe.size()));
  const at::Tensor i = at::tensor(lengths, at::kLong).sub_(1).unsqueeze(1);  // [probes, 1]
  const at::Tensor j = at::arange(layout_.longest).unsqueeze(0);
  at::Tensor hidden = j > i;
  if (layer.window > 0) hidden = hidden | (j <= i - layer.window);
  const at::Tensor mask = hidden.repeat({q.size(0), 1}).view({-1, 1, 1, layout_.longest});
  const at::Tensor y =
      masked(turned.reshape({-1, spec_.heads, 1, spec_.head_dim}), pad(k, &angles), pad(v, nullptr), mask);
  return y.reshape(q.sizes());
}

at::Tensor Attention::operator()(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) const {
  if (q.size(1) != layout_.tokens) return last_tokens(layer, q, k, v);
  const Angles& angles = angles_[static_cast<std::size_t>(layer.rope)];
  const at::Tensor qp = pad(q, &angles), kp = pad(k, &angles), vp = pad(v, nullptr);
  const bool windowed = layer.window > 0 && layer.window < layout_.longest;
  at::Tensor y;
  if (windowed || spec_.attention_softcap > 0) {
    const at::Tensor i = at::arange(layout_.longest).unsqueeze(1), j = at::arange(layout_.longest).unsqueeze(0);
    y = masked(qp, kp, vp, windowed ? (j > i) | (j <= i - layer.window) : j > i);
  } else {
    y = at::scaled_dot_product_attention(qp, kp, vp, {}, 0.0, true, spec_.attention_scale);
  }
  return unpad(y, q.size(0));
}

}  // namespace deltascape::engine
