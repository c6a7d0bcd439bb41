// Owns the rows of mixtures of experts.
#include "model/own_fields.h"
#include "model/tensor_names.h"

namespace deltascape::model {
namespace {

using namespace names;

// As transformers 5 keeps them in memory, and as llama.cpp writes them.
constexpr FusedName kFusedExperts[] = {
    {M::kExpertGate, "layers.{}.mlp.experts.gate_up_proj", "", 0, 2},
    {M::kExpertUp, "layers.{}.mlp.experts.gate_up_proj", "", 1, 2},
    {M::kExpertDown, "layers.{}.mlp.experts.down_proj", ""},
    {M::kExpertGate, "", "blk.{}.ffn_gate_exps.weight"},
    {M::kExpertUp, "", "blk.{}.ffn_up_exps.weight"},
    {M::kExpertDown, "", "blk.{}.ffn_down_exps.weight"},
};

// input_linear and output_linear are the published ones, where the name of a single expert is ours.
constexpr FusedName kFusedGranite[] = {
    {M::kExpertGate, "", "blk.{}.ffn_gate_exps.weight"},
    {M::kExpertUp, "", "blk.{}.ffn_up_exps.weight"},
    {M::kExpertDown, "", "blk.{}.ffn_down_exps.weight"},
    {M::kExpertGate, "layers.{}.block_sparse_moe.input_linear.weight", "", 0, 2},
    {M::kExpertUp, "layers.{}.block_sparse_moe.input_linear.weight", "", 1, 2},
    {M::kExpertDown, "layers.{}.block_sparse_moe.output_linear.weight", ""},
    {M::kExpertGate, "layers.{}.block_sparse_moe.experts.gate_up_proj", "", 0, 2},
    {M::kExpertUp, "layers.{}.block_sparse_moe.experts.gate_up_proj", "", 1, 2},
    {M::kExpertDown, "layers.{}.block_sparse_moe.experts.down_proj", ""},
};

constexpr TensorName kGraniteMoe[] = {
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", "blk.{}.ffn_norm"},
    {M::kRouter, "layers.{}.block_sparse_moe.router.layer", "blk.{}.ffn_gate_inp"},
    {M::kRouter, "layers.{}.block_sparse_moe.router", ""},
    {M::kExpertGate, "layers.{}.block_sparse_moe.experts.{}.gate_proj", "blk.{}.ffn_gate.{}"},
    {M::kExpertUp, "layers.{}.block_sparse_moe.experts.{}.up_proj", "blk.{}.ffn_up.{}"},
    {M::kExpertDown, "layers.{}.block_sparse_moe.experts.{}.down_proj", "blk.{}.ffn_down.{}"},
};

constexpr Architecture kFamilies[] = {
    {.model_type = "mixtral",
     .gguf = "",
     .title = "Mixtral 8x7B",
     .names = kCommon,
     .norms = kMixtral,
     .fused = kFusedExperts,
     .gguf_written = "llama",
     .read_config = read_mixtral,
     .mlp = MlpKind::kExperts,
     .gguf_permutes_qk = true,
     .gguf_normalised = true,
     .window = WindowRule::kEveryLayer,
     .window_size = 0,
     .kv_heads = 8,
     .rope_theta = 1000000,
     .norm_eps = 1e-5,
     .max_positions = 131072},
    {.model_type = "qwen2_moe",
     .gguf = "qwen2moe",
     .title = "Qwen 1.5 and 2 mixtures of experts",
     .names = kCommon,
     .norms = kQwenMoe,
     .fused = kFusedExperts,
     .read_config = read_qwen_moe,
     .mlp = MlpKind::kExperts,
     .shared_expert = true,
     .qkv_bias = {"qkv_bias", true},
     .window = WindowRule::kBelowMaxWindow,
     .windows = {"use_sliding_window", false},
     .kv_heads = 16,
     .max_positions = 32768},
    {.model_type = "qwen3_moe",
     .gguf = "qwen3moe",
     .title = "Qwen 3 mixtures of experts",
     .names = kCommon,
     .norms = kQwenMoe,
     .fused = kFusedExperts,
     .read_config = read_qwen_moe,
     .mlp = MlpKind::kExperts,
     .qk_norm = Switch::kAlways,
     .gguf_normalised = true,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .window = WindowRule::kEveryLayer,
     .windows = {"use_sliding_window", false},
     .kv_heads = 4,
     .max_positions = 32768},
    {.model_type = "deepseek_v2",
     .gguf = "",
     .title = "DeepSeek-V2",
     .names = kCommon,
     .norms = kDeepseekV2,
     .fused = kFusedExperts,
     .read_config = read_deepseek,
     .mixer = MixerKind::kLatent,
     .mlp = MlpKind::kExperts,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .mlp_bias = Switch::kMlpBias},
    {.model_type = "olmoe",
     .gguf = "olmoe",
     .title = "OLMoE",
     .names = kCommon,
     .norms = kQwenMoe,
     .fused = kFusedExperts,
     .read_config = read_olmoe,
     .mlp = MlpKind::kExperts,
     .qk_norm = Switch::kAlways,
     .qk_norm_kind = QkNorm::kWhole,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .norm_eps = 1e-5,
     .max_positions = 4096},
    {.model_type = "granitemoe",
     .gguf = "granitemoe",
     .title = "Granite 3 mixtures of experts",
     .names = kCommon,
     .norms = kGraniteMoe,
     .fused = kFusedGranite,
     .read_config = read_mixtral,
     .mlp = MlpKind::kExperts,
     .multipliers = true,
     .gguf_permutes_qk = true,
     .gguf_normalised = true,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias},
};

}  // namespace

std::span<const Architecture> mixture_families() { return kFamilies; }

}  // namespace deltascape::model
