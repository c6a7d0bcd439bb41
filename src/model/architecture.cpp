// Owns the table of families and their tensor names.
#include "model/architecture.h"

#include <array>
#include <charconv>

namespace deltascape::model {
namespace {

using M = Module;

constexpr TensorName kCommon[] = {
    {M::kAttnNorm, "layers.{}.input_layernorm", "blk.{}.attn_norm"},
    {M::kQ, "layers.{}.self_attn.q_proj", "blk.{}.attn_q"},
    {M::kK, "layers.{}.self_attn.k_proj", "blk.{}.attn_k"},
    {M::kV, "layers.{}.self_attn.v_proj", "blk.{}.attn_v"},
    {M::kQNorm, "layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm"},
    {M::kKNorm, "layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm"},
    {M::kO, "layers.{}.self_attn.o_proj", "blk.{}.attn_output"},
    {M::kGate, "layers.{}.mlp.gate_proj", "blk.{}.ffn_gate"},
    {M::kUp, "layers.{}.mlp.up_proj", "blk.{}.ffn_up"},
    {M::kDown, "layers.{}.mlp.down_proj", "blk.{}.ffn_down"},
    {M::kEmbed, "embed_tokens", "token_embd"},
    {M::kFinalNorm, "norm", "output_norm"},
    {M::kHead, "lm_head", "output"},
};

constexpr TensorName kPreNorms[] = {{M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"}};

// Gemma 2 and 3 give the name that others use for the norm before the MLP to the one after attention.
constexpr TensorName kSandwichNorms[] = {
    {M::kAttnPostNorm, "layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm"},
    {M::kMlpNorm, "layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm"},
    {M::kMlpPostNorm, "layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm"},
};

constexpr TensorName kMixtral[] = {
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kRouter, "layers.{}.block_sparse_moe.gate", "blk.{}.ffn_gate_inp"},
    {M::kExpertGate, "layers.{}.block_sparse_moe.experts.{}.w1", ""},
    {M::kExpertUp, "layers.{}.block_sparse_moe.experts.{}.w3", ""},
    {M::kExpertDown, "layers.{}.block_sparse_moe.experts.{}.w2", ""},
};

constexpr TensorName kDeepseekV2[] = {
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kQDown, "layers.{}.self_attn.q_a_proj", "blk.{}.attn_q_a"},
    {M::kQDownNorm, "layers.{}.self_attn.q_a_layernorm", "blk.{}.attn_q_a_norm"},
    {M::kQUp, "layers.{}.self_attn.q_b_proj", "blk.{}.attn_q_b"},
    {M::kKvDown, "layers.{}.self_attn.kv_a_proj_with_mqa", "blk.{}.attn_kv_a_mqa"},
    {M::kKvDownNorm, "layers.{}.self_attn.kv_a_layernorm", "blk.{}.attn_kv_a_norm"},
    {M::kKvUp, "layers.{}.self_attn.kv_b_proj", "blk.{}.attn_kv_b"},
    {M::kRouter, "layers.{}.mlp.gate", "blk.{}.ffn_gate_inp"},
    {M::kExpertGate, "layers.{}.mlp.experts.{}.gate_proj", ""},
    {M::kExpertUp, "layers.{}.mlp.experts.{}.up_proj", ""},
    {M::kExpertDown, "layers.{}.mlp.experts.{}.down_proj", ""},
    {M::kSharedGate, "layers.{}.mlp.shared_experts.gate_proj", "blk.{}.ffn_gate_shexp"},
    {M::kSharedUp, "layers.{}.mlp.shared_experts.up_proj", "blk.{}.ffn_up_shexp"},
    {M::kSharedDown, "layers.{}.mlp.shared_experts.down_proj", "blk.{}.ffn_down_shexp"},
};

constexpr TensorName kBloom[] = {
    {M::kAttnNorm, "h.{}.input_layernorm", "blk.{}.attn_norm"},
    {M::kQkv, "h.{}.self_attention.query_key_value", "blk.{}.attn_qkv"},
    {M::kO, "h.{}.self_attention.dense", "blk.{}.attn_output"},
    {M::kMlpNorm, "h.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kFc, "h.{}.mlp.dense_h_to_4h", "blk.{}.ffn_up"},
    {M::kDown, "h.{}.mlp.dense_4h_to_h", "blk.{}.ffn_down"},
    {M::kEmbed, "word_embeddings", "token_embd"},
    {M::kEmbedNorm, "word_embeddings_layernorm", "token_embd_norm"},
    {M::kFinalNorm, "ln_f", "output_norm"},
    {M::kHead, "lm_head", "output"},
};

constexpr TensorName kT5Encoder[] = {
    {M::kAttnNorm, "encoder.block.{}.layer.0.layer_norm", "enc.blk.{}.attn_norm"},
    {M::kQ, "encoder.block.{}.layer.0.SelfAttention.q", "enc.blk.{}.attn_q"},
    {M::kK, "encoder.block.{}.layer.0.SelfAttention.k", "enc.blk.{}.attn_k"},
    {M::kV, "encoder.block.{}.layer.0.SelfAttention.v", "enc.blk.{}.attn_v"},
    {M::kRelativeBias, "encoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "enc.blk.{}.attn_rel_b"},
    {M::kO, "encoder.block.{}.layer.0.SelfAttention.o", "enc.blk.{}.attn_o"},
    {M::kMlpNorm, "encoder.block.{}.layer.1.layer_norm", "enc.blk.{}.ffn_norm"},
    {M::kGate, "encoder.block.{}.layer.1.DenseReluDense.wi_0", "enc.blk.{}.ffn_gate"},
    {M::kUp, "encoder.block.{}.layer.1.DenseReluDense.wi_1", "enc.blk.{}.ffn_up"},
    {M::kFc, "encoder.block.{}.layer.1.DenseReluDense.wi", "enc.blk.{}.ffn_up"},
    {M::kDown, "encoder.block.{}.layer.1.DenseReluDense.wo", "enc.blk.{}.ffn_down"},
    {M::kEmbed, "shared", "token_embd"},
    {M::kEncoderNorm, "encoder.final_layer_norm", "enc.output_norm"},
    {M::kFinalNorm, "decoder.final_layer_norm", "dec.output_norm"},
    {M::kHead, "lm_head", "output"},
};

constexpr TensorName kT5Decoder[] = {
    {M::kAttnNorm, "decoder.block.{}.layer.0.layer_norm", "dec.blk.{}.attn_norm", 1},
    {M::kQ, "decoder.block.{}.layer.0.SelfAttention.q", "dec.blk.{}.attn_q", 1},
    {M::kK, "decoder.block.{}.layer.0.SelfAttention.k", "dec.blk.{}.attn_k", 1},
    {M::kV, "decoder.block.{}.layer.0.SelfAttention.v", "dec.blk.{}.attn_v", 1},
    {M::kRelativeBias, "decoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "dec.blk.{}.attn_rel_b", 1},
    {M::kO, "decoder.block.{}.layer.0.SelfAttention.o", "dec.blk.{}.attn_o", 1},
    {M::kCrossNorm, "decoder.block.{}.layer.1.layer_norm", "dec.blk.{}.cross_attn_norm", 1},
    {M::kCrossQ, "decoder.block.{}.layer.1.EncDecAttention.q", "dec.blk.{}.cross_attn_q", 1},
    {M::kCrossK, "decoder.block.{}.layer.1.EncDecAttention.k", "dec.blk.{}.cross_attn_k", 1},
    {M::kCrossV, "decoder.block.{}.layer.1.EncDecAttention.v", "dec.blk.{}.cross_attn_v", 1},
    {M::kCrossO, "decoder.block.{}.layer.1.EncDecAttention.o", "dec.blk.{}.cross_attn_o", 1},
    {M::kMlpNorm, "decoder.block.{}.layer.2.layer_norm", "dec.blk.{}.ffn_norm", 1},
    {M::kGate, "decoder.block.{}.layer.2.DenseReluDense.wi_0", "dec.blk.{}.ffn_gate", 1},
    {M::kUp, "decoder.block.{}.layer.2.DenseReluDense.wi_1", "dec.blk.{}.ffn_up", 1},
    {M::kFc, "decoder.block.{}.layer.2.DenseReluDense.wi", "dec.blk.{}.ffn_up", 1},
    {M::kDown, "decoder.block.{}.layer.2.DenseReluDense.wo", "dec.blk.{}.ffn_down", 1},
};

constexpr Architecture kFamilies[] = {
    {.model_type = "llama",
     .gguf = "llama",
     .title = "LLaMA 1-3, SmolLM, Yi, …",
     .names = kCommon,
     .norms = kPreNorms,
     .gguf_permutes_qk = true,
     .qkv_bias = Bias::kAttentionBias,
     .o_bias = Bias::kAttentionBias,
     .mlp_bias = Bias::kMlpBias},
    {.model_type = "mistral",
     .gguf = "mistral",
     .title = "Mistral 7B",
     .names = kCommon,
     .norms = kPreNorms,
     .gguf_permutes_qk = true,
     .window = WindowRule::kEveryLayer,
     .kv_heads = 8},
    {.model_type = "qwen2",
     .gguf = "qwen2",
     .title = "Qwen 2 and 2.5",
     .names = kCommon,
     .norms = kPreNorms,
     .qkv_bias = Bias::kAlways,
     .window = WindowRule::kFromMaxWindow,
     .kv_heads = 32},
    {.model_type = "qwen3",
     .gguf = "qwen3",
     .title = "Qwen 3",
     .names = kCommon,
     .norms = kPreNorms,
     .qk_norm = true,
     .qkv_bias = Bias::kAttentionBias,
     .o_bias = Bias::kAttentionBias,
     .window = WindowRule::kFromMaxWindow,
     .head_dim = 128,
     .kv_heads = 32},
    {.model_type = "gemma",
     .gguf = "gemma",
     .title = "Gemma 1",
     .names = kCommon,
     .norms = kPreNorms,
     .norm_plus_one = true,
     .scale_embeddings = true,
     .qkv_bias = Bias::kAttentionBias,
     .o_bias = Bias::kAttentionBias,
     .activation = "gelu_pytorch_tanh",
     .head_dim = 256,
     .kv_heads = 16},
    {.model_type = "gemma2",
     .gguf = "gemma2",
     .title = "Gemma 2",
     .names = kCommon,
     .norms = kSandwichNorms,
     .norm_plus_one = true,
     .scale_embeddings = true,
     .post_norms = true,
     .query_pre_attn_scalar = true,
     .soft_caps = true,
     .qkv_bias = Bias::kAttentionBias,
     .o_bias = Bias::kAttentionBias,
     .window = WindowRule::kAlternate,
     .activation_key = "hidden_activation",
     .activation = "gelu_pytorch_tanh",
     .head_dim = 256,
     .kv_heads = 4},
    {.model_type = "gemma3_text",
     .gguf = "gemma3",
     .title = "Gemma 3 (text)",
     .names = kCommon,
     .norms = kSandwichNorms,
     .norm_plus_one = true,
     .scale_embeddings = true,
     .qk_norm = true,
     .post_norms = true,
     .query_pre_attn_scalar = true,
     .local_rope = true,
     .qkv_bias = Bias::kAttentionBias,
     .o_bias = Bias::kAttentionBias,
     .window = WindowRule::kFiveOfSix,
     .activation_key = "hidden_activation",
     .activation = "gelu_pytorch_tanh",
     .head_dim = 256,
     .heads = 8,
     .kv_heads = 4,
     .vocabulary = 262208,
     .rope_theta = 1000000},
    {.model_type = "mixtral",
     .gguf = "",
     .title = "Mixtral 8x7B",
     .names = kCommon,
     .norms = kMixtral,
     .mlp = MlpKind::kExperts,
     .embeds = false,
     .window = WindowRule::kEveryLayer,
     .window_size = 0,
     .kv_heads = 8,
     .rope_theta = 1000000},
    {.model_type = "deepseek_v2",
     .gguf = "",
     .title = "DeepSeek-V2",
     .names = kCommon,
     .norms = kDeepseekV2,
     .attention = AttentionKind::kLatent,
     .mlp = MlpKind::kExperts,
     .embeds = false,
     .qkv_bias = Bias::kAttentionBias,
     .o_bias = Bias::kAttentionBias,
     .mlp_bias = Bias::kMlpBias},
    {.model_type = "bloom",
     .gguf = "",
     .title = "BLOOM",
     .names = kBloom,
     .norms = {},
     .norm = NormKind::kLayer,
     .attention = AttentionKind::kFused,
     .position = PositionKind::kAlibi,
     .mlp = MlpKind::kPlain,
     .embeds = false,
     .keys =
         {.intermediate = "", .layers = "n_layer", .heads = "n_head", .head_dim = "", .norm_eps = "layer_norm_epsilon"},
     .embed_norm = true,
     .qkv_bias = Bias::kAlways,
     .o_bias = Bias::kAlways,
     .mlp_bias = Bias::kAlways,
     .activation_key = "",
     .activation = "gelu_pytorch_tanh"},
    {.model_type = "t5",
     .gguf = "",
     .title = "T5, Flan-T5",
     .names = kT5Encoder,
     .norms = kT5Decoder,
     .stacks = StackKind::kEncoderDecoder,
     .position = PositionKind::kRelative,
     .embeds = false,
     .keys = {.hidden = "d_model",
              .intermediate = "d_ff",
              .layers = "num_layers",
              .heads = "num_heads",
              .head_dim = "d_kv",
              .norm_eps = "layer_norm_epsilon"},
     .activation_key = ""},
};

constexpr std::string_view kPrefixes[] = {"model.", "", "language_model.model.", "model.language_model.",
                                          "transformer."};

// The first hole takes the layer, the second the expert.
std::string fill(std::string_view pattern, Site site) {
  std::string out;
  for (const int number : {site.layer, site.expert}) {
    const auto hole = pattern.find("{}");
    if (hole == std::string_view::npos) break;
    out.append(pattern.substr(0, hole)).append(std::to_string(number));
    pattern.remove_prefix(hole + 2);
  }
  return out.append(pattern);
}

const TensorName* row_of(const Architecture& a, Module module, int stack) {
  const TensorName* outside = nullptr;  // the parts outside the blocks belong to no stack
  for (const auto& names : {a.names, a.norms})
    for (const TensorName& n : names) {
      if (n.module != module) continue;
      if (n.stack == stack) return &n;
      if (!in_block(module)) outside = &n;
    }
  return outside;
}

// "layers.12.mlp.up_proj" against "layers.{}.mlp.up_proj": the numbers in the holes, -1 for a hole that is not there.
std::optional<std::array<int, 2>> match(std::string_view pattern, std::string_view path) {
  std::array<int, 2> numbers = {-1, -1};
  for (int& number : numbers) {
    const auto hole = pattern.find("{}");
    if (hole == std::string_view::npos) break;
    if (!path.starts_with(pattern.substr(0, hole))) return {};
    pattern.remove_prefix(hole + 2);
    path.remove_prefix(hole);
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), number);
    if (error != std::errc() || number < 0) return {};
    path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  }
  return pattern == path ? std::optional(numbers) : std::nullopt;
}

}  // namespace

std::span<const Architecture> architectures() { return kFamilies; }

const Architecture* find_architecture(std::string_view model_type) {
  for (const Architecture& a : kFamilies)
    if (a.model_type == model_type) return &a;
  return nullptr;
}

const Architecture* find_gguf_architecture(std::string_view gguf) {
  for (const Architecture& a : kFamilies)
    if (a.embeds && a.gguf == gguf) return &a;
  return nullptr;
}

std::string architecture_list() {
  std::string out;
  for (const Architecture& a : kFamilies)
    if (a.embeds) out += (out.empty() ? "" : ", ") + std::string(a.model_type);
  return out;
}

std::string hf_name(const Architecture& a, Site site, int stack) {
  const TensorName* row = row_of(a, site.module, stack);
  return row ? fill(row->hf, site) : "";
}

std::string gguf_name(const Architecture& a, Site site) {
  const TensorName* row = row_of(a, site.module, 0);
  return row ? fill(row->gguf, site) : "";
}

std::optional<Site> site_of(const Architecture& a, std::string_view module_path, std::span<const int> stack_first) {
  for (std::string_view prefix : kPrefixes) {
    if (!module_path.starts_with(prefix)) continue;
    const auto path = module_path.substr(prefix.size());
    for (const auto& names : {a.names, a.norms})
      for (const TensorName& n : names) {
        const auto stack = static_cast<std::size_t>(n.stack);
        if (stack > 0 && stack >= stack_first.size()) continue;
        const auto numbers = match(n.hf, path);
        if (!numbers) continue;
        const auto [layer, expert] = *numbers;
        return Site{n.module, layer + (layer >= 0 && stack > 0 ? stack_first[stack] : 0), expert};
      }
  }
  return {};
}

std::span<const std::string_view> hf_prefixes() { return kPrefixes; }

}  // namespace deltascape::model
