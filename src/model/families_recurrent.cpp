// Owns the rows of hybrids: families some of whose layers keep a state in place of keys and values.
#include "model/own_fields.h"
#include "model/tensor_names.h"

namespace deltascape::model {
namespace {

using namespace names;

constexpr TensorName kGraniteHybrid[] = {
    {M::kMixerIn, "layers.{}.mamba.in_proj", ""},
    {M::kMixerConv, "layers.{}.mamba.conv1d", ""},
    {M::kMixerDecay, "layers.{}.mamba.A_log", ""},
    {M::kMixerStep, "layers.{}.mamba.dt_bias", ""},
    {M::kMixerSkip, "layers.{}.mamba.D", ""},
    {M::kMixerNorm, "layers.{}.mamba.norm", ""},
    {M::kMixerOut, "layers.{}.mamba.out_proj", ""},
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", ""},
    {M::kRouter, "layers.{}.block_sparse_moe.router.layer", ""},
    {M::kRouter, "layers.{}.block_sparse_moe.router", ""},
    {M::kExpertGate, "layers.{}.block_sparse_moe.experts.{}.gate_proj", ""},
    {M::kExpertUp, "layers.{}.block_sparse_moe.experts.{}.up_proj", ""},
    {M::kExpertDown, "layers.{}.block_sparse_moe.experts.{}.down_proj", ""},
    {M::kSharedGateUp, "layers.{}.shared_mlp.input_linear", ""},
    {M::kSharedDown, "layers.{}.shared_mlp.output_linear", ""},
};

constexpr TensorName kQwen3Next[] = {
    {M::kMixerIn, "layers.{}.linear_attn.in_proj_qkvz", ""},
    {M::kMixerBeta, "layers.{}.linear_attn.in_proj_ba", ""},
    {M::kMixerConv, "layers.{}.linear_attn.conv1d", ""},
    {M::kMixerDecay, "layers.{}.linear_attn.A_log", ""},
    {M::kMixerStep, "layers.{}.linear_attn.dt_bias", ""},
    {M::kMixerNorm, "layers.{}.linear_attn.norm", ""},
    {M::kMixerOut, "layers.{}.linear_attn.out_proj", ""},
    {M::kMlpNorm, "layers.{}.post_attention_layernorm", ""},
    {M::kRouter, "layers.{}.mlp.gate", ""},
    {M::kExpertGate, "layers.{}.mlp.experts.{}.gate_proj", ""},
    {M::kExpertUp, "layers.{}.mlp.experts.{}.up_proj", ""},
    {M::kExpertDown, "layers.{}.mlp.experts.{}.down_proj", ""},
    {M::kSharedGate, "layers.{}.mlp.shared_expert.gate_proj", ""},
    {M::kSharedUp, "layers.{}.mlp.shared_expert.up_proj", ""},
    {M::kSharedDown, "layers.{}.mlp.shared_expert.down_proj", ""},
    {M::kSharedScore, "layers.{}.mlp.shared_expert_gate", ""},
};

constexpr TensorName kQwen35[] = {
    {M::kMixerIn, "layers.{}.linear_attn.in_proj_qkv", ""}, {M::kMixerGate, "layers.{}.linear_attn.in_proj_z", ""},
    {M::kMixerBeta, "layers.{}.linear_attn.in_proj_b", ""}, {M::kMixerAlpha, "layers.{}.linear_attn.in_proj_a", ""},
    {M::kMixerConv, "layers.{}.linear_attn.conv1d", ""},    {M::kMixerDecay, "layers.{}.linear_attn.A_log", ""},
    {M::kMixerStep, "layers.{}.linear_attn.dt_bias", ""},   {M::kMixerNorm, "layers.{}.linear_attn.norm", ""},
    {M::kMixerOut, "layers.{}.linear_attn.out_proj", ""},   {M::kMlpNorm, "layers.{}.post_attention_layernorm", ""},
};

constexpr Architecture kFamilies[] = {
    {.model_type = "granitemoehybrid",
     .gguf = "",
     .title = "Granite 4 hybrids of Mamba 2",
     .names = kCommon,
     .norms = kGraniteHybrid,
     .fused = kFusedGranite,
     .read_config = read_granite_hybrid,
     .mlp = MlpKind::kExperts,
     .multipliers = true,
     .shared_fused = true,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias},
    {.model_type = "qwen3_next",
     .gguf = "",
     .title = "Qwen3-Next",
     .names = kCommon,
     .norms = kQwen3Next,
     .fused = kFusedExperts,
     .read_config = read_qwen3_next,
     .mlp = MlpKind::kExperts,
     .norm_plus_one = true,
     .partial_rope = true,
     .qk_norm = Switch::kAlways,
     .shared_expert = true,
     .gated_attention = true,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .head_dim = 256,
     .kv_heads = 2,
     .rope_part = 0.25,
     .max_positions = 32768},
    {.model_type = "qwen3_5_text",
     .gguf = "",
     .title = "Qwen 3.5 (text)",
     .names = kCommon,
     .norms = kQwen35,
     .wrapper = "qwen3_5",
     .read_config = read_delta_net,
     .norm_plus_one = true,
     .partial_rope = true,
     .qk_norm = Switch::kAlways,
     .gated_attention = true,
     .split_delta = true,
     .qkv_bias = Switch::kAttentionBias,
     .o_bias = Switch::kAttentionBias,
     .head_dim = 256,
     .kv_heads = 4,
     .rope_part = 0.25,
     .max_positions = 32768},
};

}  // namespace

std::span<const Architecture> recurrent_families() { return kFamilies; }

}  // namespace deltascape::model
