// Owns the order of operations in a block (see block.h).
#include "model/block.h"

#include "deltascape/error.h"
#include "model/mixers.h"

namespace deltascape::model {
namespace {

struct Heads {
  at::Tensor q, k, v;  // [needed rows, heads·head_dim], [rows, kv_heads·head_dim], [rows, kv_heads·value_dim]
  at::Tensor gate;     // of what attention gives, [needed rows, heads·value_dim]; undefined: none
};

Heads grouped(const ModelSpec& s, BlockOps& ops, const at::Tensor& h) {
  Heads out;
  out.k = ops.linear(Module::kK, h);
  out.v = ops.linear(Module::kV, h);
  out.q = ops.linear(Module::kQ, ops.needed(h));
  if (!s.architecture->gated_attention) return out;
  const at::Tensor both = out.q.view({out.q.size(0), s.heads, 2 * s.head_dim});  // of each head q, then its gate
  out.q = both.narrow(2, 0, s.head_dim).reshape({out.q.size(0), -1});
  out.gate = both.narrow(2, s.head_dim, s.head_dim).reshape({out.q.size(0), -1});
  return out;
}

Heads fused(const ModelSpec& s, BlockOps& ops, const at::Tensor& h) {
  const at::Tensor all = ops.linear(Module::kQkv, h);
  if (s.architecture->qkv == QkvLayout::kByGroup) {
    const std::int64_t share = s.heads / s.kv_heads;
    const at::Tensor groups = all.view({h.size(0), s.kv_heads, share + 2, s.head_dim});
    const auto part = [&](std::int64_t first, std::int64_t count) {
      return groups.narrow(2, first, count).reshape({h.size(0), -1}).contiguous();
    };
    return {ops.needed(part(0, share)), part(share, 1), part(share + 1, 1), {}};
  }
  const std::int64_t q = s.heads * s.head_dim, k = s.kv_heads * s.head_dim;
  const auto part = [&](std::int64_t first, std::int64_t width) { return all.narrow(1, first, width).contiguous(); };
  return {ops.needed(part(0, q)), part(q, k), part(q + k, s.kv_heads * s.value_dim), {}};
}

// MLA (arXiv 2405.04434 §2.1): k and v come from one latent; the rotated features of k are shared by all heads.
Heads latent(const ModelSpec& s, BlockOps& ops, const at::Tensor& h) {
  const std::int64_t rows = h.size(0), plain = s.latent.plain, rotary = s.latent.rotary;
  const at::Tensor down = ops.linear(Module::kKvDown, h);  // [rows, kv_rank + rotary]
  const at::Tensor narrow = ops.norm(Module::kKvDownNorm, down.narrow(1, 0, s.latent.kv_rank).contiguous());
  const at::Tensor up = ops.linear(Module::kKvUp, narrow).view({rows, s.heads, plain + s.value_dim});
  const at::Tensor shared = down.narrow(1, s.latent.kv_rank, rotary).unsqueeze(1).expand({rows, s.heads, rotary});
  Heads out;
  out.k = at::cat({up.narrow(2, 0, plain), shared}, 2).reshape({rows, -1});
  out.v = up.narrow(2, plain, s.value_dim).reshape({rows, -1});
  const at::Tensor wanted = ops.needed(h);
  if (s.latent.q_rank == 0) out.q = ops.linear(Module::kQ, wanted);
  else out.q = ops.linear(Module::kQUp, ops.norm(Module::kQDownNorm, ops.linear(Module::kQDown, wanted)));
  return out;
}

Heads project(const ModelSpec& s, const LayerSpec& l, BlockOps& ops, const at::Tensor& h) {
  if (l.mixer == MixerKind::kFused) return fused(s, ops, h);
  return l.mixer == MixerKind::kLatent ? latent(s, ops, h) : grouped(s, ops, h);
}

// [needed rows, 1], in float32 as models are trained.
at::Tensor temperature(const TemperatureSpec& t, const at::Tensor& positions) {
  return (at::log1p(at::floor((positions.to(at::kFloat) + 1) / t.floor)) * t.scale + 1).unsqueeze(1);
}

// What attention adds to the needed rows.
at::Tensor attended(const ModelSpec& s, const LayerSpec& l, BlockOps& ops, const at::Tensor& read) {
  Heads h = project(s, l, ops, read);
  if (s.qk_norm) {
    h.q = ops.norm(Module::kQNorm, h.q);
    h.k = ops.norm(Module::kKNorm, h.k);
  }
  if (l.unit_qk)  // of each head; turning changes no length: it may come after
    for (at::Tensor* part : {&h.q, &h.k}) *part = unit(*part, s.head_dim, s.norm_eps);
  if (l.tempered) h.q = h.q * temperature(s.temperature, ops.positions()).to(h.q.options());
  if (l.query_scale != 1) h.q = h.q * l.query_scale;
  if (s.clip_qkv > 0)
    for (at::Tensor* part : {&h.q, &h.k, &h.v}) *part = part->clamp(-s.clip_qkv, s.clip_qkv);
  const at::Tensor y = ops.attention(l, h.q, h.k, h.v);
  return ops.linear(Module::kO, h.gate.defined() ? y * at::sigmoid(h.gate) : y);
}

at::Tensor cross(const LayerSpec& l, BlockOps& ops, const at::Tensor& x) {
  const at::Tensor h = ops.norm(Module::kCrossNorm, x), memory = ops.memory();
  at::Tensor k, v;
  if (memory.defined()) {
    k = ops.linear(Module::kCrossK, memory);
    v = ops.linear(Module::kCrossV, memory);
  }
  return ops.linear(Module::kCrossO, ops.cross_attention(l, ops.linear(Module::kCrossQ, h), k, v));
}

struct GatedMlp {
  Module gate, up, down;
};

at::Tensor gated(const ModelSpec& s, BlockOps& ops, const GatedMlp& m, const at::Tensor& x) {
  return ops.linear(m.down, ops.gate(s.activation, ops.linear(m.gate, x), ops.linear(m.up, x)));
}

at::Tensor fused_gated(const ModelSpec& s, BlockOps& ops, Module gate_up, Module down, const at::Tensor& x) {
  const at::Tensor both = ops.linear(gate_up, x);  // [rows, 2·width]
  const std::int64_t width = both.size(1) / 2;
  const auto part = [&](std::int64_t i) { return both.narrow(1, i * width, width).contiguous(); };
  return ops.linear(down, ops.gate(s.activation, part(0), part(1)));
}

// (up + 1) · gate · sigmoid(gain · gate), both within bounds (gpt-oss).
at::Tensor bounded(const ModelSpec& s, BlockOps& ops, const GatedMlp& m, const at::Tensor& x) {
  const RoutingSpec& r = s.routing;
  const at::Tensor gate = ops.linear(m.gate, x).clamp_max(r.bound) * r.gain;
  const at::Tensor up = ops.linear(m.up, x).clamp(-r.bound, r.bound) + 1;
  return ops.linear(m.down, ops.gate(Activation::kSilu, gate, up) / r.gain);
}

at::Tensor shared_expert(const ModelSpec& s, BlockOps& ops, const at::Tensor& x) {
  if (s.architecture->shared_fused) return fused_gated(s, ops, Module::kSharedGateUp, Module::kSharedDown, x);
  return gated(s, ops, {Module::kSharedGate, Module::kSharedUp, Module::kSharedDown}, x);
}

at::Tensor mixture(const ModelSpec& s, BlockOps& ops, const at::Tensor& x) {
  if (s.routing.experts == 0) return shared_expert(s, ops, x);
  const Routing routing = route(s.routing, ops.linear(Module::kRouter, x));
  at::Tensor y = ops.experts(x, routing, [&s](BlockOps& expert, const at::Tensor& rows) {
    constexpr GatedMlp kMlp{Module::kExpertGate, Module::kExpertUp, Module::kExpertDown};
    return s.routing.bound > 0 ? bounded(s, expert, kMlp, rows) : gated(s, expert, kMlp, rows);
  });
  if (s.routing.shared_intermediate == 0) return y;
  at::Tensor shared = shared_expert(s, ops, x);
  if (s.routing.shared_score) shared = shared * at::sigmoid(ops.linear(Module::kSharedScore, x));  // by [rows, 1]
  return ops.add(std::move(y), shared);
}

at::Tensor mlp(const ModelSpec& s, const LayerSpec& l, BlockOps& ops, const at::Tensor& x) {
  switch (l.mlp) {
    case MlpKind::kGated: return gated(s, ops, {Module::kGate, Module::kUp, Module::kDown}, x);
    case MlpKind::kPlain: return ops.linear(Module::kDown, ops.gate(s.activation, ops.linear(Module::kFc, x), {}));
    case MlpKind::kExperts: return mixture(s, ops, x);
    case MlpKind::kFusedGated: return fused_gated(s, ops, Module::kGateUp, Module::kDown, x);
  }
  return {};
}

[[noreturn]] void not_run(const char* what) {
  throw Error(ErrorCode::kUnsupported, std::string(what) + " does not run in this execution");
}

}  // namespace

at::Tensor BlockOps::experts(const at::Tensor&, const Routing&, const ExpertMlp&) { not_run("a mixture of experts"); }
at::Tensor BlockOps::parameter(Module, Param) { not_run("a recurrent mixer"); }
at::Tensor BlockOps::sequences(const at::Tensor&, const SequenceStep&) { not_run("a recurrent mixer"); }
at::Tensor BlockOps::positions() { not_run("a scale by position"); }
at::Tensor BlockOps::memory() { not_run("an encoder"); }
at::Tensor BlockOps::cross_attention(const LayerSpec&, const at::Tensor&, const at::Tensor&, const at::Tensor&) {
  not_run("cross-attention");
}

at::Tensor run_block(const ModelSpec& spec, int layer, BlockOps& ops, at::Tensor x) {
  const Architecture& a = *spec.architecture;
  const LayerSpec& l = spec.layers[static_cast<std::size_t>(layer)];

  // What is read is kept: `add` may overwrite the stream.
  const at::Tensor read = spec.pre_norms ? ops.norm(Module::kAttnNorm, x) : x.clone();
  at::Tensor y = is_recurrent(l.mixer) ? run_mixer(spec, l, ops, read) : attended(spec, l, ops, read);
  x = ops.needed(spec.normed_residual ? read.clone() : x);
  const auto added = [&](const at::Tensor& y) { return spec.residual_scale == 1 ? y : y * spec.residual_scale; };
  if (a.post_norms) y = ops.norm(Module::kAttnPostNorm, y);
  if (spec.parallel) {
    const at::Tensor beside = mlp(spec, l, ops, spec.shared_norm ? ops.needed(read) : ops.norm(Module::kMlpNorm, x));
    return ops.add(ops.add(std::move(x), y), beside);
  }
  x = ops.add(std::move(x), added(y));
  if (spec.sum_norms()) x = ops.norm(Module::kAttnNorm, x);
  if (spec.stack_of(layer).cross) {
    y = cross(l, ops, x);
    x = ops.add(std::move(x), y);
  }

  const at::Tensor inner = spec.pre_norms ? ops.norm(Module::kMlpNorm, x) : x.clone();
  y = mlp(spec, l, ops, inner);
  if (spec.normed_residual) x = inner.clone();
  if (a.post_norms) y = ops.norm(Module::kMlpPostNorm, y);
  x = ops.add(std::move(x), added(y));
  return spec.sum_norms() ? ops.norm(Module::kMlpNorm, x) : x;
}

}  // namespace deltascape::model
