#include "engine/attention.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include "engine/attention_kernel.h"

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

at::Tensor Attention::operator()(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                 const at::Tensor& v) const {
  const std::int64_t dim = spec_.head_dim, heads = spec_.heads, kv_heads = spec_.kv_heads;
  const auto probes = static_cast<std::int64_t>(layout_.probes.size());
  const bool last = q.size(1) != layout_.tokens;  // the last token of each probe asks alone
  const Angles& angles = angles_[static_cast<std::size_t>(layer.rope)];
  const std::int64_t half = angles.cos.size(1);
  at::Tensor out = at::empty_like(q);
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "attention", [&] {
    const scalar_t *from_q = q.const_data_ptr<scalar_t>(), *from_k = k.const_data_ptr<scalar_t>();
    const scalar_t *from_v = v.const_data_ptr<scalar_t>(), *cos = angles.cos.const_data_ptr<scalar_t>();
    const scalar_t* sin = angles.sin.const_data_ptr<scalar_t>();
    scalar_t* to = out.data_ptr<scalar_t>();
    at::parallel_for(0, q.size(0) * probes * kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<scalar_t> scratch;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t head = task % kv_heads, probe = task / kv_heads % probes, variant = task / kv_heads / probes;
        const std::int64_t start = layout_.starts[static_cast<std::size_t>(probe)];
        const std::int64_t token = variant * layout_.tokens + start;
        const kernels::AttentionShape shape{.keys = layout_.length(probe),
                                            .dim = dim,
                                            .turned = 2 * half,
                                            .share = heads / kv_heads,
                                            .scale = spec_.attention_scale,
                                            .softcap = spec_.attention_softcap,
                                            .window = layer.window};
        const std::int64_t row = last ? variant * probes + probe : token;
        const std::int64_t place = row * heads * dim + head * shape.share * dim;
        kernels::attend(shape, last ? shape.keys - 1 : 0,
                        kernels::Head<scalar_t>{.q = from_q + place,
                                                .k = from_k + (token * kv_heads + head) * dim,
                                                .v = from_v + (token * kv_heads + head) * dim,
                                                .q_stride = heads * dim,
                                                .kv_stride = kv_heads * dim,
                                                .cos = cos + start * half,
                                                .sin = sin + start * half,
                                                .out = to + place},
                        scratch);
      }
    });
  });
  return out;
}

}  // namespace deltascape::engine
