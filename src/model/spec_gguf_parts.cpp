// Owns the groups of GGUF metadata: rotations, what layers differ in, experts, factors.
#include <algorithm>
#include <cmath>

#include "deltascape/error.h"
#include "model/spec_gguf.h"

namespace deltascape::model {
namespace {

std::vector<float> floats(const GgufKeys& k, const std::string& name, std::uint64_t count) {
  const io::TensorInfo* t = k.file().find(name);
  if (t == nullptr) return {};
  if (t->elements != count)
    throw Error(ErrorCode::kMismatch, "wrong number of RoPE divisors",
                {.path = k.file().path().string(),
                 .field = t->name,
                 .expected = std::to_string(count),
                 .found = std::to_string(t->elements)});
  std::vector<float> out(t->elements);
  io::decode(t->dtype, k.file().bytes(*t), out.data(), t->elements);
  return out;
}

void read_yarn(const GgufKeys& k, RopeSpec& r) {
  r.beta_fast = k.real("rope.scaling.yarn_beta_fast", r.beta_fast);
  r.beta_slow = k.real("rope.scaling.yarn_beta_slow", r.beta_slow);
  // The converter writes 1 where config.json has a number of that name which transformers does not read.
  const double factor = k.real("rope.scaling.yarn_attn_factor", k.real("rope.scaling.attn_factor", 1));
  if (factor != 1) r.attention_factor = factor;
  if (const double all = k.real("rope.scaling.yarn_log_multiplier", 0); all != 0) r.mscale = 1, r.mscale_all_dim = all;
}

RopeSpec rope_from(const GgufKeys& k, const ModelSpec& s) {
  const Architecture& a = *s.architecture;
  RopeSpec r;
  r.theta = k.real("rope.freq_base", a.rope_theta);
  const bool own_width = a.gguf_rope_part && s.head_dim * s.heads != s.hidden;
  const auto part = static_cast<std::int64_t>(static_cast<double>(s.head_dim) * a.rope_part);
  r.dim = static_cast<int>(own_width ? part : k.integer("rope.dimension_count", s.head_dim));
  r.interleaved = a.interleaved_rope;
  r.max_positions = static_cast<double>(k.integer("context_length", 2048));
  r.original_positions = static_cast<double>(
      k.integer("rope.scaling.original_context_length", static_cast<std::int64_t>(r.max_positions)));
  r.factor = k.real("rope.scaling.factor", k.real("rope.scale_linear", 1));
  const std::string type = k.string("rope.scaling.type").value_or(r.factor != 1 ? "linear" : "none");
  if (type == "linear" || type == "yarn" || type == "longrope") r.type = type;
  else if (type != "none")
    throw Error(ErrorCode::kUnsupported, "this RoPE scaling is not supported",
                {.path = k.file().path().string(),
                 .field = "rope.scaling.type",
                 .expected = "none, linear, yarn or longrope",
                 .found = type});
  if (r.dim != s.head_dim && !a.partial_rope)
    throw Error(ErrorCode::kUnsupported, "partial rotary embeddings are not supported for this family",
                {.path = k.file().path().string(),
                 .field = "rope.dimension_count",
                 .expected = std::to_string(s.head_dim),
                 .found = std::to_string(r.dim)});
  if (r.dim > s.head_dim || r.dim % 2 != 0)
    k.fail("rope.dimension_count", "an even number, at most " + std::to_string(s.head_dim));
  const auto half = static_cast<std::uint64_t>(r.dim) / 2;
  r.divisors = floats(k, "rope_freqs.weight", half);  // Llama 3's scaling
  r.short_factors = floats(k, "rope_factors_short.weight", half);
  r.long_factors = floats(k, "rope_factors_long.weight", half);
  if (!r.short_factors.empty() && !r.long_factors.empty()) {
    r.type = "longrope";
    r.factor = r.max_positions / r.original_positions;
  } else if (r.type == "longrope") {
    throw Error(ErrorCode::kBadFile, "missing tensor",
                {.path = k.file().path().string(), .field = "rope_factors_short.weight, rope_factors_long.weight"});
  }
  if (r.type == "longrope") r.attention_factor = k.real("rope.scaling.attn_factor", 0);
  if (r.type == "yarn") read_yarn(k, r);
  return r;
}

// Positions that a windowed layer sees; 0: all.
std::int64_t window_of(const GgufKeys& k, const Architecture& a) {
  const auto given = k.any_integer("attention.sliding_window");
  if (a.window == WindowRule::kNone) return 0;
  return given ? std::clamp<std::int64_t>(*given, 0, 1 << 30) : a.gguf_window;  // Phi-3's converter writes 0 for none
}

bool windowed(const Architecture& a, int layer) {
  switch (a.window) {
    case WindowRule::kEveryLayer: return true;
    case WindowRule::kAlternate: return layer % 2 == 0;
    case WindowRule::kAllButEvery: return a.window_pattern < 1 || (layer + 1) % a.window_pattern != 0;
    default: return false;  // llama.cpp knows no windows for the others
  }
}

}  // namespace

void read_gguf_ropes(const GgufKeys& k, ModelSpec& s) {
  s.ropes = {rope_from(k, s)};
  if (!s.architecture->local_rope) return;
  RopeSpec local;
  local.theta = k.real("rope.freq_base_swa", 10000);
  local.dim = s.ropes[0].dim;
  s.ropes.push_back(local);
}

void read_gguf_layers(const GgufKeys& k, ModelSpec& s) {
  const Architecture& a = *s.architecture;
  const std::int64_t window = window_of(k, a);
  for (int i = 0; i < s.layer_count(); ++i) {
    LayerSpec& l = s.layers[static_cast<std::size_t>(i)];
    const bool local = windowed(a, i);
    if (local) l.window = static_cast<int>(window);
    if (local && a.local_rope && window > 0) l.rope = 1;
    if (!local && a.full_unrotated && window > 0) l.rope = -1;
    if (a.unrotated_layers && (i + 1) % 4 == 0) l.rope = -1;  // SmolLM3: llama.cpp writes no interval
    l.mlp = a.mlp;
    if (a.mlp == MlpKind::kExperts && !k.has_tensor("blk." + std::to_string(i) + ".ffn_gate_inp.weight"))
      l.mlp = MlpKind::kGated;
  }
}

void read_gguf_experts(const GgufKeys& k, ModelSpec& s) {
  const Architecture& a = *s.architecture;
  RoutingSpec& r = s.routing;
  r.experts = k.required("expert_count");
  if (r.experts > 4096) k.fail("expert_count", "at most 4096");
  r.chosen = k.required("expert_used_count");
  if (r.chosen > r.experts) k.fail("expert_used_count", "at most expert_count");
  const bool unsaid = a.shared_expert && !k.any_integer("expert_feed_forward_length");  // early files
  r.intermediate = unsaid ? s.intermediate / r.chosen : k.integer("expert_feed_forward_length", s.intermediate);
  k.refuse_above("expert_gating_func", 1);
  k.refuse_above("expert_group_count", 1);
  if (const double scale = k.real("expert_weights_scale", 0); scale != 0) r.scale = scale;
  r.normalised = k.boolean("expert_weights_norm").value_or(a.gguf_normalised);
  const char* width = "expert_shared_feed_forward_length";
  if (!a.shared_expert) return k.refuse_above(width, 0);
  r.shared_intermediate = k.integer(width, s.intermediate);
  r.shared_score = true;
}

void read_gguf_scales(const GgufKeys& k, ModelSpec& s) {
  const Architecture& a = *s.architecture;
  s.attention_softcap = k.real("attn_logit_softcapping", a.soft_caps ? 50 : 0);
  s.final_softcap = k.real("final_logit_softcapping", a.soft_caps ? 30 : 0);
  if (const double scale = k.real("attention.temperature_scale", 0); scale != 0)
    k.unsupported("attention.temperature_scale", std::to_string(scale));
  if (a.gguf_share_scaled > 0 && s.layer_count() == a.gguf_share_scaled)
    s.attention_scale = 1.0 / std::sqrt(static_cast<double>(s.hidden) / static_cast<double>(s.heads));
  s.clip_qkv = std::abs(k.real("attention.clamp_kqv", 0));
  if (a.logit_scale != 0) s.logit_scale = k.factor("logit_scale", 1);
  if (!a.multipliers) return;
  if (!k.boolean("rope.scaling.finetuned").value_or(true)) k.unsupported("rope.scaling.finetuned", "false");  // no RoPE
  s.embedding_scale = k.factor("embedding_scale", 1);
  s.residual_scale = k.factor("residual_scale", 1);
  s.attention_scale = k.factor("attention.scale", s.attention_scale);
  s.logit_scale = 1 / k.factor("logit_scale", 1);
}

}  // namespace deltascape::model
