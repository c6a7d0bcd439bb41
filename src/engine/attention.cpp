#include "engine/attention.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "engine/attention_kernel.h"

namespace deltascape::engine {

Attention::Attention(const model::ModelSpec& spec, const Layout& layout, at::ScalarType dtype)
    : spec_(spec), layout_(layout) {
  for (const model::RopeSpec& rope : spec.ropes) {
    std::vector<at::Tensor> cos, sin;
    for (std::size_t p = 0; p < layout.probes.size(); ++p) {
      const std::int64_t rows = layout.length(static_cast<std::int64_t>(p)), first = layout.before.keys;
      const Angles angles = rope_angles(rope, first, rows, first + rows);
      cos.push_back(angles.cos);
      sin.push_back(angles.sin);
    }
    angles_.push_back({at::cat(cos).to(dtype).contiguous(), at::cat(sin).to(dtype).contiguous()});
  }
  if (spec.architecture->position != model::PositionKind::kAlibi) return;
  std::int64_t longest = 0;
  for (std::size_t p = 0; p < layout.probes.size(); ++p)
    longest = std::max(longest, layout.before.keys + layout.length(static_cast<std::int64_t>(p)));
  bias_ = alibi(spec.heads, longest).view({spec.heads, longest}).to(dtype).contiguous();
}

at::Tensor Attention::operator()(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v, const adapter::Prefix* prefix) const {
  const std::int64_t dim = spec_.head_dim, values = spec_.value_dim, heads = spec_.heads, kv_heads = spec_.kv_heads;
  const auto probes = static_cast<std::int64_t>(layout_.probes.size());
  const bool last = q.size(1) != layout_.tokens;  // the last token of each probe asks alone
  const bool turns = !angles_.empty() && layer.rope >= 0;
  const model::RopeSpec none, &rope = turns ? spec_.ropes[static_cast<std::size_t>(layer.rope)] : none;
  const Angles angles = turns ? angles_[static_cast<std::size_t>(layer.rope)] : Angles();
  const std::int64_t half = turns ? angles.cos.size(1) : 0;
  at::Tensor out = at::empty({q.size(0), q.size(1), heads * values}, q.options());
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "attention", [&] {
    const scalar_t *from_q = q.const_data_ptr<scalar_t>(), *from_k = k.const_data_ptr<scalar_t>();
    const scalar_t* from_v = v.const_data_ptr<scalar_t>();
    const scalar_t* cos = turns ? angles.cos.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* sin = turns ? angles.sin.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* prefix_k = prefix != nullptr ? prefix->k.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* prefix_v = prefix != nullptr ? prefix->v.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* bias = bias_.defined() ? bias_.const_data_ptr<scalar_t>() : nullptr;
    const std::int64_t longest = bias_.defined() ? bias_.size(1) : 0;
    scalar_t* to = out.data_ptr<scalar_t>();
    at::parallel_for(0, q.size(0) * probes * kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<scalar_t> scratch;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t head = task % kv_heads, probe = task / kv_heads % probes, variant = task / kv_heads / probes;
        const std::int64_t start = layout_.starts[static_cast<std::size_t>(probe)];
        const std::int64_t token = variant * layout_.tokens + start;
        const kernels::AttentionShape shape{.keys = layout_.before.keys + layout_.length(probe),
                                            .prefix = layout_.before.keys,
                                            .dim = dim,
                                            .values = values,
                                            .turned = 2 * half,
                                            .offset = rope.offset,
                                            .interleaved = rope.interleaved,
                                            .share = heads / kv_heads,
                                            .scale = spec_.attention_scale,
                                            .softcap = spec_.attention_softcap,
                                            .window = layer.window};
        const std::int64_t row = last ? variant * probes + probe : token;
        const std::int64_t first = row * heads + head * shape.share;  // query head
        kernels::attend(shape, last ? shape.keys - 1 : shape.prefix,
                        kernels::Head<scalar_t>{.q = from_q + first * dim,
                                                .k = from_k + (token * kv_heads + head) * dim,
                                                .v = from_v + (token * kv_heads + head) * values,
                                                .q_stride = heads * dim,
                                                .k_stride = kv_heads * dim,
                                                .v_stride = kv_heads * values,
                                                .out_stride = heads * values,
                                                .cos = cos + start * half,
                                                .sin = sin + start * half,
                                                .bias = bias ? bias + head * shape.share * longest : nullptr,
                                                .bias_stride = longest,
                                                .out = to + first * values,
                                                .prefix_k = prefix_k ? prefix_k + head * dim : nullptr,
                                                .prefix_v = prefix_v ? prefix_v + head * values : nullptr},
                        scratch);
      }
    });
  });
  return out;
}

}  // namespace deltascape::engine
