// Owns config.json's fields that few families have (latent attention, experts, T5, Falcon, factors),
// into a ModelSpec that has the rest.
#include <cmath>

#include "deltascape/error.h"
#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

constexpr std::int64_t kMost = std::int64_t{1} << 24;
constexpr std::int64_t kMostExperts = 4096;

[[noreturn]] void unsupported(const JsonFields& c, const std::string& field, const std::string& what) {
  throw Error(ErrorCode::kUnsupported, what, {.path = c.file().string(), .field = field});
}

// Qwen's mixtures: which layers have experts, and the shared expert of Qwen2.
void read_qwen_experts(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, c.has("num_experts") ? "num_experts" : "num_local_experts", 1, kMostExperts);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts);
  r.normalised = c.boolean("norm_topk_prob").value_or(false);
  r.intermediate = within(c, "moe_intermediate_size", 1, kMost);
  if (s.architecture->model_type == "qwen2_moe") {
    r.shared_intermediate = within(c, "shared_expert_intermediate_size", 1, kMost);
    r.shared_score = true;
  }
  const std::int64_t step = within(c, "decoder_sparse_step", 1, kMost, 1);
  for (std::size_t i = 0; i < s.layers.size(); ++i)
    if ((i + 1) % static_cast<std::size_t>(step) != 0) s.layers[i].mlp = MlpKind::kGated;
  const io::Json* dense = c.has("mlp_only_layers") ? c.find("mlp_only_layers") : nullptr;
  if (dense != nullptr && !dense->is_array()) c.fail("mlp_only_layers", "a list of layers");
  for (std::size_t i = 0; dense != nullptr && i < dense->size(); ++i) {
    const io::Json& layer = (*dense)[i];
    const std::int64_t at = layer.is_number_integer() ? layer.get<std::int64_t>() : -1;
    if (at < 0 || at >= s.layer_count()) c.fail("mlp_only_layers", "layers of the model");
    s.layers[static_cast<std::size_t>(at)].mlp = MlpKind::kGated;
  }
}

void read_olmoe(const JsonFields& c, ModelSpec& s) {
  RoutingSpec& r = s.routing;
  r.experts = within(c, "num_experts", 1, kMostExperts, 64);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts, 8);
  r.normalised = c.boolean("norm_topk_prob").value_or(false);
  r.intermediate = s.intermediate;
}

void read_distances(const JsonFields& c, ModelSpec& s) {
  s.relative = {within(c, "relative_attention_num_buckets", 4, 4096, 32),
                within(c, "relative_attention_max_distance", 2, kMost, 128)};
  if (s.relative.max_distance <= s.relative.buckets / 2)
    c.fail("relative_attention_max_distance", "more than half of relative_attention_num_buckets");
}

}  // namespace

void read_latent(const JsonFields& c, ModelSpec& s) {
  s.latent.q_rank =
      c.json().contains("q_lora_rank") && !c.has("q_lora_rank") ? 0 : within(c, "q_lora_rank", 1, kMost, 1536);
  s.latent.kv_rank = within(c, "kv_lora_rank", 1, kMost, 512);
  s.latent.plain = within(c, "qk_nope_head_dim", 1, kMost, 128);
  s.latent.rotary = within(c, "qk_rope_head_dim", 2, kMost, 64);
  s.value_dim = within(c, "v_head_dim", 1, kMost, 128);
  s.head_dim = s.latent.plain + s.latent.rotary;
  if (s.kv_heads != s.heads) c.fail("num_key_value_heads", "as many as num_attention_heads");
}

void read_scales(const JsonFields& c, ModelSpec& s) {
  const auto factor = [&](std::string_view key, double otherwise) {
    const double value = c.real(key).value_or(otherwise);
    if (!(std::abs(value) > 0) || !std::isfinite(value)) c.fail(key, "a number other than 0");
    return value;
  };
  if (s.architecture->model_type.starts_with("cohere")) s.logit_scale = factor("logit_scale", 0.0625);
  if (s.architecture->model_type == "gpt2") {
    if (!c.boolean("scale_attn_weights").value_or(true)) s.attention_scale = 1;
    if (c.boolean("scale_attn_by_inverse_layer_idx").value_or(false))
      for (std::size_t i = 0; i < s.layers.size(); ++i) s.layers[i].query_scale = 1 / static_cast<double>(i + 1);
  }
  if (c.has("clip_qkv")) s.clip_qkv = std::abs(factor("clip_qkv", 1));
  if (!s.architecture->multipliers) return;
  s.embedding_scale = factor("embedding_multiplier", 1);
  s.residual_scale = factor("residual_multiplier", 1);
  s.attention_scale = factor("attention_multiplier", 1);
  s.logit_scale = 1 / factor("logits_scaling", 1);
}

void read_falcon(const JsonFields& c, ModelSpec& s) {
  const bool grown = c.boolean("new_decoder_architecture").value_or(false);
  if (!grown) s.kv_heads = c.boolean("multi_query").value_or(true) ? 1 : s.heads;
  const bool parallel = c.boolean("parallel_attn").value_or(true);
  s.parallel = grown || parallel;
  s.shared_norm = parallel && (!grown || within(c, "num_ln_in_parallel_attn", 1, 2, 2) == 1);
  if (!c.boolean("alibi").value_or(false)) return;
  s.position = PositionKind::kAlibi;
  s.ropes.clear();
  s.alibi = {.rounded = true, .scale = s.attention_scale};
}

void read_experts(const JsonFields& c, ModelSpec& s) {
  if (s.architecture->model_type.starts_with("qwen")) return read_qwen_experts(c, s);
  if (s.architecture->model_type == "olmoe") return read_olmoe(c, s);
  RoutingSpec& r = s.routing;
  const std::string_view family = s.architecture->model_type;
  const bool mixtral = family == "mixtral" || family == "granitemoe";
  r.experts = within(c, mixtral ? "num_local_experts" : "n_routed_experts", 1, kMostExperts);
  r.chosen = within(c, "num_experts_per_tok", 1, r.experts, mixtral ? std::optional<std::int64_t>(2) : std::nullopt);
  r.normalised = mixtral;
  r.intermediate = mixtral ? s.intermediate : within(c, "moe_intermediate_size", 1, kMost, 1407);
  if (mixtral) return;
  r.scale = c.real("routed_scaling_factor").value_or(1);
  if (!std::isfinite(r.scale)) c.fail("routed_scaling_factor", "a number");
  if (c.boolean("norm_topk_prob").value_or(false))
    unsupported(c, "norm_topk_prob", "DeepSeek-V2 with normalised routing weights is not supported");
  r.shared_intermediate = r.intermediate * within(c, "n_shared_experts", 0, 64, 2);
  const std::string method = c.string("topk_method").value_or("greedy");
  if (method == "group_limited_greedy") {
    r.groups = within(c, "n_group", 1, r.experts);
    r.chosen_groups = within(c, "topk_group", 1, r.groups);
    if (r.experts % r.groups != 0) c.fail("n_group", "a divisor of n_routed_experts");
    if (r.chosen > r.experts / r.groups * r.chosen_groups)
      c.fail("num_experts_per_tok", "at most the experts of topk_group groups");
  } else if (method != "greedy") {
    unsupported(c, "topk_method", "this routing is not supported: expected greedy or group_limited_greedy");
  }
  const std::int64_t dense = within(c, "first_k_dense_replace", 0, kMost, 0);
  for (std::size_t i = 0; i < s.layers.size() && static_cast<std::int64_t>(i) < dense; ++i)
    s.layers[i].mlp = MlpKind::kGated;
}

void read_encoder(const JsonFields& c, ModelSpec& s) {
  const auto fixed = [&](std::string_view key, const std::string& found, const std::string& expected) {
    if (found != expected)
      throw Error(ErrorCode::kUnsupported, "this option of an encoder is not supported",
                  {.path = c.file().string(), .field = std::string(key), .expected = expected, .found = found});
  };
  fixed("position_embedding_type", c.string("position_embedding_type").value_or("absolute"), "absolute");
  fixed("is_decoder", c.boolean("is_decoder").value_or(false) ? "true" : "false", "false");
  // Positions count from behind the padding token's.
  if (const int offset = s.architecture->position_offset; offset > 0)
    fixed("pad_token_id", std::to_string(c.integer("pad_token_id").value_or(offset - 1)), std::to_string(offset - 1));
  if (s.architecture->relative_beside) read_distances(c, s);
  if (s.architecture->token_types) s.token_types = within(c, "type_vocab_size", 1, kMost, 2);
}

void read_t5(const JsonFields& c, ModelSpec& s) {
  read_distances(c, s);
  s.attention_scale = 1;
  const bool first = s.architecture->model_type == "t5";  // mT5 and UMT5 begin with v1.1's choices
  const std::string mlp = c.string("feed_forward_proj").value_or(first ? "relu" : "gated-gelu");
  const bool gated = mlp.starts_with("gated-");
  // "gated-gelu" means the tanh form (transformers' T5Config says so too).
  s.activation = mlp == "gated-gelu" ? Activation::kGeluTanh : activation_named(gated ? mlp.substr(6) : mlp, c.file());
  // T5 v1.0 scales the decoder's output before the head that it shares with the embedding; v1.1 and Flan, which say
  // that theirs is apart, do not. In transformers mT5 never does, and UMT5 always.
  const bool apart = !c.boolean("tie_word_embeddings").value_or(true);
  const bool scaled =
      first ? c.boolean("scale_decoder_outputs").value_or(!apart) : s.architecture->model_type == "umt5";
  if (scaled) s.logit_scale = 1 / std::sqrt(static_cast<double>(s.hidden));
  s.start_token = within(c, "decoder_start_token_id", 0, kMost, 0);
  const auto encoder = static_cast<std::int64_t>(s.layers.size());
  const std::int64_t decoder = within(c, "num_decoder_layers", 1, 10000, encoder);
  s.layers.resize(static_cast<std::size_t>(encoder + decoder));
  for (LayerSpec& l : s.layers) l.mlp = gated ? MlpKind::kGated : MlpKind::kPlain;
  lay_out_stacks(s, static_cast<int>(encoder));
}

}  // namespace deltascape::model
