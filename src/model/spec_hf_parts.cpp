// Owns config.json's fields that some families have (latent attention, factors, distances, encoders), into a ModelSpec
// that has the rest. What a single family has: spec_hf_own.cpp and spec_hf_experts.cpp.
#include <cmath>

#include "deltascape/error.h"
#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

}  // namespace

void read_distances(const JsonFields& c, ModelSpec& s) {
  s.relative = {within(c, "relative_attention_num_buckets", 4, 4096, 32),
                within(c, "relative_attention_max_distance", 2, kMaxWidth, 128)};
  if (s.relative.max_distance <= s.relative.buckets / 2)
    c.fail("relative_attention_max_distance", "more than half of relative_attention_num_buckets");
}

void read_latent(const JsonFields& c, ModelSpec& s) {
  s.latent.q_rank =
      c.json().contains("q_lora_rank") && !c.has("q_lora_rank") ? 0 : within(c, "q_lora_rank", 1, kMaxWidth, 1536);
  s.latent.kv_rank = within(c, "kv_lora_rank", 1, kMaxWidth, 512);
  s.latent.plain = within(c, "qk_nope_head_dim", 1, kMaxWidth, 128);
  s.latent.rotary = within(c, "qk_rope_head_dim", 2, kMaxWidth, 64);
  s.value_dim = within(c, "v_head_dim", 1, kMaxWidth, 128);
  s.head_dim = s.latent.plain + s.latent.rotary;
  if (s.kv_heads != s.heads) c.fail("num_key_value_heads", "as many as num_attention_heads");
}

void read_scales(const JsonFields& c, ModelSpec& s) {
  const auto factor = [&](std::string_view key, double otherwise) {
    const double value = c.real(key).value_or(otherwise);
    if (!(std::abs(value) > 0) || !std::isfinite(value)) c.fail(key, "a number other than 0");
    return value;
  };
  if (const double otherwise = s.architecture->logit_scale; otherwise != 0)
    s.logit_scale = factor("logit_scale", otherwise);
  if (c.has("clip_qkv")) s.clip_qkv = std::abs(factor("clip_qkv", 1));
  if (!s.architecture->multipliers) return;
  s.embedding_scale = factor("embedding_multiplier", 1);
  s.residual_scale = factor("residual_multiplier", 1);
  s.attention_scale = factor("attention_multiplier", 1);
  s.logit_scale = 1 / factor("logits_scaling", 1);
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
  if (s.architecture->token_types) s.token_types = within(c, "type_vocab_size", 1, kMaxWidth, 2);
}

}  // namespace deltascape::model
