// Owns config.json's fields of single families: Falcon, GPT-2, T5 and its kin.
#include <cmath>

#include "model/own_fields.h"
#include "model/spec_hf.h"

namespace deltascape::model {
namespace {

using io::JsonFields;

// `mlp`: where the config names none. `scaled`: whether the decoder's output is scaled before the head that it shares
// with the embedding.
void read_encoder_decoder(const JsonFields& c, ModelSpec& s, const std::string& mlp_otherwise, bool scaled) {
  read_distances(c, s);
  s.attention_scale = 1;
  const std::string mlp = c.string("feed_forward_proj").value_or(mlp_otherwise);
  const bool gated = mlp.starts_with("gated-");
  // "gated-gelu" means the tanh form (transformers' T5Config says so too).
  s.activation = mlp == "gated-gelu" ? Activation::kGeluTanh : activation_named(gated ? mlp.substr(6) : mlp, c.file());
  if (scaled) s.logit_scale = 1 / std::sqrt(static_cast<double>(s.hidden));
  s.start_token = within(c, "decoder_start_token_id", 0, kMaxWidth, 0);
  const auto encoder = static_cast<std::int64_t>(s.layers.size());
  const std::int64_t decoder = within(c, "num_decoder_layers", 1, 10000, encoder);
  s.layers.resize(static_cast<std::size_t>(encoder + decoder));
  for (LayerSpec& l : s.layers) l.mlp = gated ? MlpKind::kGated : MlpKind::kPlain;
  lay_out_stacks(s, static_cast<int>(encoder));
}

}  // namespace

// T5 v1.0 scales the decoder's output; v1.1 and Flan, which say that their head is apart, do not.
void read_t5(const JsonFields& c, ModelSpec& s) {
  const bool tied = c.boolean("tie_word_embeddings").value_or(true);
  read_encoder_decoder(c, s, "relu", c.boolean("scale_decoder_outputs").value_or(tied));
}

// In transformers mT5 never scales it, and UMT5 always.
void read_mt5(const JsonFields& c, ModelSpec& s) { read_encoder_decoder(c, s, "gated-gelu", false); }
void read_umt5(const JsonFields& c, ModelSpec& s) { read_encoder_decoder(c, s, "gated-gelu", true); }

void read_gpt2(const JsonFields& c, ModelSpec& s) {
  if (!c.boolean("scale_attn_weights").value_or(true)) s.attention_scale = 1;
  if (c.boolean("scale_attn_by_inverse_layer_idx").value_or(false))
    for (std::size_t i = 0; i < s.layers.size(); ++i) s.layers[i].query_scale = 1 / static_cast<double>(i + 1);
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

}  // namespace deltascape::model
