// Owns the table of families and their tensor names.
#include "model/architecture.h"

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
};

constexpr std::string_view kPrefixes[] = {"model.", "", "language_model.model.", "model.language_model."};

std::string fill(std::string_view pattern, int layer) {
  const auto hole = pattern.find("{}");
  if (hole == std::string_view::npos) return std::string(pattern);
  return std::string(pattern.substr(0, hole)) + std::to_string(layer) + std::string(pattern.substr(hole + 2));
}

const TensorName* row_of(const Architecture& a, Module module) {
  for (const auto& names : {a.names, a.norms})
    for (const TensorName& n : names)
      if (n.module == module) return &n;
  return nullptr;
}

// "layers.12.mlp.up_proj" against "layers.{}.mlp.up_proj": the layer, -1 for a pattern without one.
std::optional<int> match(std::string_view pattern, std::string_view path) {
  const auto hole = pattern.find("{}");
  if (hole == std::string_view::npos) return pattern == path ? std::optional(-1) : std::nullopt;
  const auto head = pattern.substr(0, hole), tail = pattern.substr(hole + 2);
  if (!path.starts_with(head) || !path.ends_with(tail) || path.size() <= head.size() + tail.size()) return {};
  const auto digits = path.substr(head.size(), path.size() - head.size() - tail.size());
  int layer = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), layer);
  if (error != std::errc() || end != digits.data() + digits.size() || layer < 0) return {};
  return layer;
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
    if (a.gguf == gguf) return &a;
  return nullptr;
}

std::string architecture_list() {
  std::string out;
  for (const Architecture& a : kFamilies) out += (out.empty() ? "" : ", ") + std::string(a.model_type);
  return out;
}

std::string hf_name(const Architecture& a, Site site) {
  const TensorName* row = row_of(a, site.module);
  return row ? fill(row->hf, site.layer) : "";
}

std::string gguf_name(const Architecture& a, Site site) {
  const TensorName* row = row_of(a, site.module);
  return row ? fill(row->gguf, site.layer) : "";
}

std::optional<Site> site_of(const Architecture& a, std::string_view module_path) {
  for (std::string_view prefix : kPrefixes) {
    if (!module_path.starts_with(prefix)) continue;
    const auto path = module_path.substr(prefix.size());
    for (const auto& names : {a.names, a.norms})
      for (const TensorName& n : names)
        if (const auto layer = match(n.hf, path)) return Site{n.module, *layer};
  }
  return {};
}

std::span<const std::string_view> hf_prefixes() { return kPrefixes; }

}  // namespace deltascape::model
