#include "exec/attention.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "exec/attention_kernel.h"

namespace deltascape::engine {

using model::PositionKind;

// What of positions counts in one call.
struct Attention::Positions {
  const model::RopeSpec* rope = nullptr;  // null: nothing turns
  const Angles* angles = nullptr;
  bool biased = false;
  bool causal = true;
  std::int64_t window = 0, chunk = 0;
};

Attention::Attention(const model::ModelSpec& spec, const Layout& layout, std::int64_t variants, at::ScalarType dtype)
    : spec_(&spec), layout_(&layout) {
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
  for (std::size_t p = 0; p < layout.probes.size(); ++p)
    longest_ = std::max(longest_, layout.before.keys + layout.length(static_cast<std::int64_t>(p)));
  if (spec.position == PositionKind::kAlibi)
    bias_ = alibi(spec, longest_).view({1, spec.heads, longest_}).to(dtype).contiguous();
  if (spec.counts_distances()) bias_ = at::zeros({variants, spec.heads, 2 * longest_ - 1}, at::TensorOptions(dtype));
}

void Attention::set_relative(int layer, const at::Tensor& table, std::int64_t first, std::int64_t count) {
  // From the last token of the longest probe every distance there is, the farthest before it first.
  const at::Tensor buckets =
      relative_buckets(spec_->relative, spec_->stack_of(layer).causal, longest_ - 1, 1, 2 * longest_ - 1);
  bias_.narrow(0, first, count).copy_(table.index_select(0, buckets.flatten()).t());
}

at::Tensor Attention::operator()(const model::LayerSpec& layer, const AttentionRows& rows) const {
  Positions p{.biased = bias_.defined(),
              .causal = spec_->stacks[static_cast<std::size_t>(layer.stack)].causal,
              .window = layer.window,
              .chunk = layer.chunk};
  if (!angles_.empty() && layer.rope >= 0) {
    p.rope = &spec_->ropes[static_cast<std::size_t>(layer.rope)];
    p.angles = &angles_[static_cast<std::size_t>(layer.rope)];
  }
  return run(p, rows);
}

at::Tensor Attention::cross(const AttentionRows& rows) const { return run({.causal = false}, rows); }

at::Tensor Attention::run(const Positions& positions, const AttentionRows& rows) const {
  const at::Tensor &q = rows.q, &k = rows.k, &v = rows.v;
  const std::int64_t dim = spec_->head_dim, values = spec_->value_dim, heads = spec_->heads, kv_heads = spec_->kv_heads;
  const auto probes = static_cast<std::int64_t>(layout_->probes.size());
  const bool one = q.size(1) != layout_->tokens;  // one token of each probe asks alone
  const model::RopeSpec none, &rope = positions.rope ? *positions.rope : none;
  const std::int64_t half = positions.rope ? positions.angles->cos.size(1) : 0;
  const bool by_distance = spec_->counts_distances();
  at::Tensor out = at::empty({q.size(0), q.size(1), heads * values}, q.options());
  AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "attention", [&] {
    const scalar_t *from_q = q.const_data_ptr<scalar_t>(), *from_k = k.const_data_ptr<scalar_t>();
    const scalar_t* from_v = v.const_data_ptr<scalar_t>();
    const scalar_t* cos = half ? positions.angles->cos.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* sin = half ? positions.angles->sin.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* prefix_k = rows.prefix != nullptr ? rows.prefix->k.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* prefix_v = rows.prefix != nullptr ? rows.prefix->v.const_data_ptr<scalar_t>() : nullptr;
    const scalar_t* biases = positions.biased ? bias_.const_data_ptr<scalar_t>() : nullptr;
    const at::Tensor own_sinks = rows.sinks.defined() ? rows.sinks.contiguous() : rows.sinks;
    const scalar_t* sinks = own_sinks.defined() ? own_sinks.const_data_ptr<scalar_t>() : nullptr;
    scalar_t* to = out.data_ptr<scalar_t>();
    at::parallel_for(0, q.size(0) * probes * kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<scalar_t> scratch;
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t head = task % kv_heads, probe = task / kv_heads % probes, variant = task / kv_heads / probes;
        const std::int64_t start = layout_->starts[static_cast<std::size_t>(probe)];
        const std::int64_t token = variant * layout_->tokens + start;
        const kernels::AttentionShape shape{.keys = layout_->before.keys + layout_->length(probe),
                                            .prefix = layout_->before.keys,
                                            .dim = dim,
                                            .values = values,
                                            .turned = 2 * half,
                                            .offset = rope.offset,
                                            .interleaved = rope.interleaved,
                                            .share = heads / kv_heads,
                                            .scale = spec_->attention_scale,
                                            .softcap = spec_->attention_softcap,
                                            .window = positions.window,
                                            .chunk = positions.chunk,
                                            .causal = positions.causal};
        const std::int64_t row = one ? variant * probes + probe : token;
        const std::int64_t first = row * heads + head * shape.share;  // query head
        const scalar_t* sink = sinks;
        if (sinks != nullptr) sink += (own_sinks.size(0) == 1 ? 0 : variant * heads) + head * shape.share;
        const scalar_t* bias = nullptr;
        if (biases != nullptr) {
          const std::int64_t own = bias_.size(0) == 1 ? 0 : rows.first + variant;
          bias = biases + (own * heads + head * shape.share) * bias_.size(2) + (by_distance ? longest_ - 1 : 0);
        }
        kernels::attend(shape, one ? shape.keys - 1 : shape.prefix,
                        kernels::Head<scalar_t>{.q = from_q + first * dim,
                                                .k = from_k + (token * kv_heads + head) * dim,
                                                .v = from_v + (token * kv_heads + head) * values,
                                                .q_stride = heads * dim,
                                                .k_stride = kv_heads * dim,
                                                .v_stride = kv_heads * values,
                                                .out_stride = heads * values,
                                                .cos = cos + start * half,
                                                .sin = sin + start * half,
                                                .bias = bias,
                                                .bias_stride = bias ? bias_.size(2) : 0,
                                                .bias_step = by_distance ? 1 : 0,
                                                .out = to + first * values,
                                                .prefix_k = prefix_k ? prefix_k + head * dim : nullptr,
                                                .prefix_v = prefix_v ? prefix_v + head * values : nullptr,
                                                .sinks = sink},
                        scratch);
      }
    });
  });
  return out;
}

}  // namespace deltascape::engine
