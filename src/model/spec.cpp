// Owns what follows from a model's numbers: which parts it has, their shapes and names.
#include "model/spec.h"

#include <algorithm>
#include <cmath>

namespace deltascape::model {

void lay_out_stacks(ModelSpec& s, int encoder_layers) {
  const bool encoder = s.architecture->stacks == StackKind::kEncoderDecoder;
  s.stacks.clear();
  if (encoder)
    s.stacks.push_back({.first = 0, .layers = encoder_layers, .causal = false, .final_norm = Module::kEncoderNorm});
  s.stacks.push_back({.first = encoder_layers,
                      .layers = s.layer_count() - encoder_layers,
                      .causal = s.architecture->stacks != StackKind::kEncoder,
                      .cross = encoder});
  for (int i = 0; i < s.layer_count(); ++i)
    s.layers[static_cast<std::size_t>(i)].stack = encoder && i >= encoder_layers ? 1 : 0;
  for (LayerSpec& l : s.layers) {
    if (is_recurrent(l.mixer)) continue;
    l.mixer = s.architecture->mixer;
    l.sinks = s.architecture->sinks;
  }
  if (s.value_dim == 0) s.value_dim = s.head_dim;
  if (s.embed_width == 0) s.embed_width = s.hidden;
  if (s.sum_norms()) s.final_norm = false;
  if (s.architecture->scale_embeddings)  // rounded as transformers rounds it
    s.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(s.hidden)));
}

double rope_attention_factor(const RopeSpec& r) {
  if (r.type != "yarn" && r.type != "longrope") return 1;
  if (r.attention_factor != 0) return r.attention_factor;
  if (r.type == "longrope")
    return r.factor <= 1 ? 1 : std::sqrt(1 + std::log(r.factor) / std::log(r.original_positions));
  const auto mscale = [&](double m) { return r.factor <= 1 ? 1.0 : 0.1 * m * std::log(r.factor) + 1.0; };
  return r.mscale != 0 && r.mscale_all_dim != 0 ? mscale(r.mscale) / mscale(r.mscale_all_dim) : mscale(1);
}

namespace {

// What a recurrent mixer's first linear gives.
std::int64_t mixer_inputs(const ModelSpec& s) {
  const RecurrentSpec& r = s.recurrent;
  if (r.kind == MixerKind::kMamba2) return r.inner() + r.channels() + r.heads;
  return s.architecture->split_delta ? r.channels() : r.channels() + r.inner();
}

}  // namespace

std::vector<std::int64_t> ModelSpec::shape(Module m) const {
  const std::int64_t q = heads * head_dim, k = kv_heads * head_dim, v = kv_heads * value_dim, o = heads * value_dim;
  switch (m) {
    case Module::kQ:
      return {architecture->gated_attention ? 2 * q : q, latent.kv_rank && latent.q_rank ? latent.q_rank : hidden};
    case Module::kCrossQ: return {q, hidden};
    case Module::kK:
    case Module::kCrossK: return {k, hidden};
    case Module::kV:
    case Module::kCrossV: return {v, hidden};
    case Module::kQkv: return {q + k + v, hidden};
    case Module::kQDown: return {latent.q_rank, hidden};
    case Module::kQDownNorm: return {latent.q_rank};
    case Module::kQUp: return {q, latent.q_rank};
    case Module::kKvDown: return {latent.kv_rank + latent.rotary, hidden};
    case Module::kKvDownNorm: return {latent.kv_rank};
    case Module::kKvUp: return {heads * (latent.plain + value_dim), latent.kv_rank};
    case Module::kRelativeBias: return {relative.buckets, heads};
    case Module::kO:
    case Module::kCrossO: return {hidden, o};
    case Module::kGate:
    case Module::kUp:
    case Module::kFc: return {intermediate, hidden};
    case Module::kGateUp: return {2 * intermediate, hidden};
    case Module::kDown: return {hidden, intermediate};
    case Module::kRouter: return {routing.experts, hidden};
    case Module::kExpertGate:
    case Module::kExpertUp: return {routing.intermediate, hidden};
    case Module::kExpertDown: return {hidden, routing.intermediate};
    case Module::kSharedGate:
    case Module::kSharedUp: return {routing.shared_intermediate, hidden};
    case Module::kSharedGateUp: return {2 * routing.shared_intermediate, hidden};
    case Module::kSharedDown: return {hidden, routing.shared_intermediate};
    case Module::kSharedScore: return {1, hidden};
    case Module::kPositions: return {positions, architecture->project_sum ? embed_width : hidden};
    case Module::kTokenTypes: return {token_types, architecture->project_sum ? embed_width : hidden};
    case Module::kEmbedNorm: return {embed_width};
    case Module::kEmbed:
    case Module::kHead: return {vocabulary, embed_width};
    case Module::kProjectIn: return {hidden, embed_width};
    case Module::kProjectOut: return {embed_width, hidden};
    case Module::kQNorm: return {architecture->qk_norm_kind == QkNorm::kByHead ? head_dim : q};
    case Module::kKNorm: return {architecture->qk_norm_kind == QkNorm::kByHead ? head_dim : k};
    case Module::kSinks: return {heads};
    case Module::kMixerIn: return {mixer_inputs(*this), hidden};
    case Module::kMixerGate: return {recurrent.inner(), hidden};
    case Module::kMixerBeta: return {architecture->split_delta ? recurrent.heads : 2 * recurrent.heads, hidden};
    case Module::kMixerAlpha: return {recurrent.heads, hidden};
    case Module::kMixerConv: return {recurrent.channels(), recurrent.kernel};
    case Module::kMixerDecay:
    case Module::kMixerStep:
    case Module::kMixerSkip: return {recurrent.heads};
    case Module::kMixerNorm: return {recurrent.kind == MixerKind::kMamba2 ? recurrent.inner() : recurrent.head_dim};
    case Module::kMixerOut: return {hidden, recurrent.inner()};
    default: return {hidden};
  }
}

std::vector<std::int64_t> ModelSpec::stored_shape(Module m) const {
  std::vector<std::int64_t> out = shape(m);
  if ((m == Module::kQNorm || m == Module::kKNorm) && architecture->qk_norm_kind == QkNorm::kOwnHead)
    out = {out[0] / head_dim, head_dim};
  if (m == Module::kMixerConv) out = {out[0], 1, out[1]};
  return out;
}

std::int64_t ModelSpec::norm_width(Module m) const {
  const bool by_head = (m == Module::kQNorm || m == Module::kKNorm) && architecture->qk_norm_kind != QkNorm::kWhole;
  return by_head ? head_dim : shape(m)[0];
}

bool ModelSpec::has(Site site) const {
  const Architecture& a = *architecture;
  if (norm == NormKind::kBare && is_norm(site.module)) return false;
  switch (site.module) {
    case Module::kEmbedNorm: return a.embed_norm;
    case Module::kPositions: return positions > 0;
    case Module::kTokenTypes: return token_types > 0;
    case Module::kEncoderNorm: return stacks.size() > 1;
    case Module::kHead: return !tied_head;
    case Module::kEmbed: return true;
    case Module::kFinalNorm: return final_norm;
    case Module::kProjectIn: return embed_width != hidden;
    case Module::kProjectOut: return embed_width != hidden && !a.project_sum;
    default: break;
  }
  if (site.layer < 0 || site.layer >= layer_count()) return false;
  const LayerSpec& layer = layers[static_cast<std::size_t>(site.layer)];
  const MlpKind mlp = layer.mlp;
  const MixerKind mixer = layer.mixer;
  const bool delta = mixer == MixerKind::kDeltaNet, recurs = is_recurrent(mixer);
  const StackSpec& stack = stack_of(site.layer);
  switch (site.module) {
    case Module::kQ: return mixer == MixerKind::kGrouped || (mixer == MixerKind::kLatent && !latent.q_rank);
    case Module::kK:
    case Module::kV: return mixer == MixerKind::kGrouped;
    case Module::kQkv: return mixer == MixerKind::kFused;
    case Module::kQDown:
    case Module::kQDownNorm:
    case Module::kQUp: return latent.q_rank > 0;
    case Module::kKvDown:
    case Module::kKvDownNorm:
    case Module::kKvUp: return latent.kv_rank > 0;
    case Module::kQNorm:
    case Module::kKNorm: return qk_norm && !recurs;
    case Module::kO: return !recurs;
    case Module::kSinks: return layer.sinks;
    case Module::kMixerIn:
    case Module::kMixerConv:
    case Module::kMixerDecay:
    case Module::kMixerStep:
    case Module::kMixerNorm:
    case Module::kMixerOut: return recurs;
    case Module::kMixerSkip: return mixer == MixerKind::kMamba2;
    case Module::kMixerBeta: return delta;
    case Module::kMixerGate:
    case Module::kMixerAlpha: return delta && a.split_delta;
    case Module::kRelativeBias: return counts_distances() && (a.relative_by_layer || site.layer == stack.first);
    case Module::kCrossNorm:
    case Module::kCrossQ:
    case Module::kCrossK:
    case Module::kCrossV:
    case Module::kCrossO: return stack.cross;
    case Module::kAttnNorm: return pre_norms || sum_norms();
    case Module::kMlpNorm: return (pre_norms || sum_norms()) && !(parallel && shared_norm);
    case Module::kAttnPostNorm:
    case Module::kMlpPostNorm: return a.post_norms;
    case Module::kGate:
    case Module::kUp: return mlp == MlpKind::kGated;
    case Module::kGateUp: return mlp == MlpKind::kFusedGated;
    case Module::kFc: return mlp == MlpKind::kPlain;
    case Module::kDown: return mlp != MlpKind::kExperts;
    case Module::kRouter:
    case Module::kExpertGate:
    case Module::kExpertUp:
    case Module::kExpertDown: return mlp == MlpKind::kExperts && routing.experts > 0;
    case Module::kSharedGate:
    case Module::kSharedUp: return mlp == MlpKind::kExperts && routing.shared_intermediate > 0 && !a.shared_fused;
    case Module::kSharedGateUp: return mlp == MlpKind::kExperts && routing.shared_intermediate > 0 && a.shared_fused;
    case Module::kSharedDown: return mlp == MlpKind::kExperts && routing.shared_intermediate > 0;
    case Module::kSharedScore: return mlp == MlpKind::kExperts && routing.shared_score;
    default: return true;
  }
}

bool ModelSpec::has(Module m) const {
  if (!in_block(m)) return has(Site{m});
  for (int layer = 0; layer < layer_count(); ++layer)
    if (has(Site{m, layer})) return true;
  return false;
}

bool ModelSpec::has_bias(Module m) const {
  if (m == Module::kRelativeBias) return false;
  if (is_parameter(m)) return m == Module::kMixerConv && recurrent.conv_bias;
  if (m == Module::kQNorm || m == Module::kKNorm) return architecture->qk_norm_bias;
  if (shape(m).size() == 1) return norm == NormKind::kLayer && architecture->norm_bias;
  switch (m) {
    case Module::kQ: return qkv_bias && !latent.kv_rank;
    case Module::kK:
    case Module::kV:
    case Module::kQkv:
    case Module::kQDown:
    case Module::kKvDown: return qkv_bias;
    case Module::kO: return o_bias;
    case Module::kGate:
    case Module::kUp:
    case Module::kGateUp:
    case Module::kFc:
    case Module::kDown:
    case Module::kSharedGate:
    case Module::kSharedUp:
    case Module::kSharedGateUp:
    case Module::kSharedDown: return mlp_bias;
    case Module::kRouter: return architecture->router_bias;
    case Module::kExpertGate:
    case Module::kExpertUp:
    case Module::kExpertDown: return architecture->expert_bias;
    case Module::kMixerIn:
    case Module::kMixerOut: return recurrent.projection_bias;
    case Module::kHead: return architecture->head_bias;
    case Module::kProjectIn: return architecture->project_sum;
    default: return false;
  }
}

bool ModelSpec::transposed(Module m) const { return architecture->transposed && in_block(m) && is_linear(m); }

std::vector<Module> ModelSpec::linears(int layer) const {
  std::vector<Module> out;
  for (std::size_t m = 0; m < kBlockModules; ++m) {
    const Module module = module_at(m);
    if (is_linear(module) && has(Site{module, layer})) out.push_back(module);
  }
  return out;
}

std::vector<Site> ModelSpec::sites() const {
  std::vector<Site> out;
  for (std::size_t m = 0; m < kModules; ++m) {
    const Module module = module_at(m);
    for (int layer = 0; layer < (in_block(module) ? layer_count() : 1); ++layer) {
      const int at = in_block(module) ? layer : -1;
      if (!has(Site{module, at})) continue;
      if (!of_expert(module)) out.push_back({module, at});
      else
        for (int expert = 0; expert < routing.experts; ++expert) out.push_back({module, at, expert});
    }
  }
  return out;
}

std::vector<std::string> ModelSpec::hf_names(Site site) const {
  int stack = 0;
  if (site.layer >= 0 && site.layer < layer_count()) {
    stack = layers[static_cast<std::size_t>(site.layer)].stack;
    site.layer -= stack_of(site.layer).first;
  }
  return model::hf_names(*architecture, site, stack);
}

std::string ModelSpec::hf_name(Site site) const {
  const std::vector<std::string> names = hf_names(site);
  return names.empty() ? "" : names.front();
}

std::optional<Site> ModelSpec::site_of(std::string_view module_path) const {
  std::vector<int> first;
  for (const StackSpec& s : stacks) first.push_back(s.first);
  return model::site_of(*architecture, module_path, first);
}

}  // namespace deltascape::model
