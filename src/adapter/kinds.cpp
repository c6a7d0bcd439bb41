#include "adapter/kinds.h"

#include <algorithm>

#include "adapter/kind_options.h"

namespace deltascape::adapter {
namespace {

// Options that say where an adapter belongs and how it was made, for every kind.
constexpr std::string_view kCommon =
    " auto_mapping base_model_name_or_path exclude_modules inference_mode layers_pattern layers_to_transform "
    "modules_to_save peft_type peft_version revision runtime_config target_modules task_type ";

constexpr Component kLora[] = {{"lora_A", Role::kA},
                               {"lora_B", Role::kB, Role::kLoraBias, true},
                               {"lora_magnitude_vector", Role::kMagnitude},
                               {"lora_embedding_A", Role::kEmbedA, {}, true},
                               {"lora_embedding_B", Role::kEmbedB},
                               {"token_adapter.trainable_tokens_delta", Role::kTokens},
                               {"trainable_tokens_delta", Role::kTokens}};
constexpr Component kAdaLora[] = {{"lora_A", Role::kA}, {"lora_B", Role::kB, {}, true}, {"lora_E", Role::kE, {}, true}};
constexpr Component kIa3[] = {{"ia3_l", Role::kIa3}};
constexpr Component kLoha[] = {{"hada_w1_a", Role::kHada1A, {}, true},
                               {"hada_w1_b", Role::kHada1B, {}, true},
                               {"hada_w2_a", Role::kHada2A, {}, true},
                               {"hada_w2_b", Role::kHada2B, {}, true}};
constexpr Component kLokr[] = {{"lokr_w1", Role::kKron1, {}, true},    {"lokr_w1_a", Role::kKron1A, {}, true},
                               {"lokr_w1_b", Role::kKron1B, {}, true}, {"lokr_w2", Role::kKron2, {}, true},
                               {"lokr_w2_a", Role::kKron2A, {}, true}, {"lokr_w2_b", Role::kKron2B, {}, true}};
constexpr Component kVera[] = {{"vera_lambda_b", Role::kVeraB, {}, true}, {"vera_lambda_d", Role::kVeraD, {}, true}};
constexpr Component kOft[] = {{"oft_R", Role::kOft, {}, true}};
constexpr Component kHra[] = {{"hra_u", Role::kHra}};
constexpr Component kMiss[] = {{"miss_block", Role::kMiss, {}, true}};
constexpr Component kLnTuning[] = {{"ln_tuning_layers", Role::kWeight, Role::kBias}};
constexpr Component kTokens[] = {{"token_adapter.trainable_tokens_delta", Role::kTokens},
                                 {"trainable_tokens_delta", Role::kTokens}};

constexpr Kind kKinds[] = {
    {.peft = "LORA",
     .title = "LoRA",
     .paper = "arXiv 2106.09685",
     .tensors = kLora,
     .options =
         " alpha_pattern bias corda_config enable_lora ensure_weight_tying eva_config fan_in_fan_out init_lora_weights "
         "loftq_config lora_alpha lora_bias lora_dropout lora_ga_config megatron_core merge_weights qalora_group_size "
         "r rank_pattern runtime_config target_parameters trainable_token_indices use_dora use_rslora ",
     .others = " alora_invocation_tokens arrow_config kasa_config layer_replication megatron_config monteclora_config "
               "use_bdlora use_qalora velora_config ",
     .rank_key = "r",
     .alpha_key = "lora_alpha",
     .patterns = true,
     .read = read_lora,
     .refusal = refusal_of_lora,
     .experts = true,
     .gguf = "lora",
     .identity_names_it = false},
    {.peft = "ADALORA",
     .title = "AdaLoRA",
     .paper = "arXiv 2303.10512",
     .tensors = kAdaLora,
     .options = " alpha_pattern beta1 beta2 bias corda_config deltaT ensure_weight_tying eva_config fan_in_fan_out "
                "init_lora_weights init_r loftq_config lora_alpha lora_dropout lora_ga_config megatron_core "
                "orth_reg_weight qalora_group_size r rank_pattern runtime_config target_r tfinal tinit total_step ",
     .others = " alora_invocation_tokens arrow_config kasa_config layer_replication lora_bias megatron_config "
               "monteclora_config target_parameters trainable_token_indices use_bdlora use_dora use_qalora use_rslora "
               "velora_config ",
     .rank_key = "init_r",
     .rank = 12,
     .alpha_key = "lora_alpha",
     .scale = scale_of_adalora,
     .read = read_adalora,
     .refusal = refusal_of_adalora},
    {.peft = "IA3",
     .title = "IA3",
     .paper = "arXiv 2205.05638",
     .tensors = kIa3,
     .options = " fan_in_fan_out feedforward_modules init_ia3_weights "},
    {.peft = "LOHA",
     .title = "LoHa",
     .paper = "arXiv 2108.06098",
     .tensors = kLoha,
     .options = " alpha alpha_pattern init_weights module_dropout r rank_dropout rank_pattern use_effective_conv2d ",
     .rank_key = "r",
     .alpha_key = "alpha",
     .patterns = true},
    {.peft = "LOKR",
     .title = "LoKr",
     .paper = "arXiv 2309.14859",
     .tensors = kLokr,
     .options = " alpha alpha_pattern decompose_both decompose_factor init_weights module_dropout r rank_dropout "
                "rank_dropout_scale rank_pattern use_effective_conv2d ",
     .rank_key = "r",
     .alpha_key = "alpha",
     .patterns = true},
    {.peft = "VERA",
     .title = "VeRA",
     .paper = "arXiv 2310.11454",
     .tensors = kVera,
     .options = " bias d_initial fan_in_fan_out init_weights projection_prng_key r save_projection vera_dropout ",
     .rank_key = "r",
     .rank = 256,
     .refusal = refusal_of_vera,
     .shared = "base_model.vera_"},
    {.peft = "OFT",
     .title = "OFT",
     .paper = "arXiv 2306.07280",
     .tensors = kOft,
     .options = " bias block_share eps fan_in_fan_out init_weights module_dropout num_cayley_neumann_terms "
                "oft_block_size r use_cayley_neumann ",
     .others = " coft ",
     .read = read_oft},
    {.peft = "HRA",
     .title = "HRA",
     .paper = "arXiv 2405.17484",
     .tensors = kHra,
     .options = " apply_GS bias init_weights r ",
     .rank_key = "r",
     .read = read_hra},
    {.peft = "MISS",
     .title = "MiSS",
     .paper = "arXiv 2409.15371",
     .tensors = kMiss,
     .options = " bias init_weights mini_r miss_dropout r ",
     .rank_key = "r",
     .rank = 64,
     .refusal = refusal_of_miss},
    {.peft = "LN_TUNING", .title = "LN tuning", .paper = "arXiv 2312.11420", .tensors = kLnTuning, .options = " "},
    {.peft = "TRAINABLE_TOKENS",
     .title = "trained rows",
     .paper = "",
     .tensors = kTokens,
     .options = " init_weights token_indices ",
     .read = read_trainable_tokens,
     .targets = false},
    // What is saved comes out of the encoder (projection, MLP, LSTM) that the training went through.
    {.peft = "PREFIX_TUNING",
     .title = "prefix tuning",
     .paper = "arXiv 2101.00190",
     .tensors = {},
     .options = " encoder_hidden_size init_weights num_attention_heads num_layers num_transformer_submodules "
                "num_virtual_tokens prefix_projection token_dim ",
     .refusal = refusal_of_virtual_tokens,
     .virtual_tokens = Virtual::kKeys,
     .targets = false},
    {.peft = "PROMPT_TUNING",
     .title = "prompt tuning",
     .paper = "arXiv 2104.08691",
     .tensors = {},
     .options = " num_attention_heads num_layers num_transformer_submodules num_virtual_tokens prompt_tuning_init "
                "prompt_tuning_init_text token_dim tokenizer_kwargs tokenizer_name_or_path ",
     .refusal = refusal_of_virtual_tokens,
     .virtual_tokens = Virtual::kRows,
     .targets = false},
    {.peft = "P_TUNING",
     .title = "p-tuning",
     .paper = "arXiv 2103.10385",
     .tensors = {},
     .options = " encoder_dropout encoder_hidden_size encoder_num_layers encoder_reparameterization_type "
                "num_attention_heads num_layers num_transformer_submodules num_virtual_tokens token_dim ",
     .refusal = refusal_of_virtual_tokens,
     .virtual_tokens = Virtual::kRows,
     .targets = false},
};

bool has_word(std::string_view words, std::string_view word) {
  return words.find(" " + std::string(word) + " ") != std::string_view::npos;
}

const Kind* first_with(std::string_view Kind::*name, std::string_view value) {
  const auto found = std::ranges::find(kKinds, value, name);
  return found == std::end(kKinds) || value.empty() ? nullptr : found;
}

}  // namespace

std::span<const Kind> kinds() { return kKinds; }
const Kind* find_kind(std::string_view peft_type) { return first_with(&Kind::peft, peft_type); }
const Kind* find_gguf_kind(std::string_view adapter_type) { return first_with(&Kind::gguf, adapter_type); }

bool holds(const Kind& kind, Role role) {
  return role == Role::kWeight || role == Role::kBias ||
         std::ranges::any_of(kind.tensors, [&](const Component& c) { return c.weight == role || c.bias == role; });
}

OptionKind option_kind(const Kind& kind, std::string_view key) {
  if (has_word(kCommon, key) || has_word(kind.options, key)) return OptionKind::kKnown;
  return has_word(kind.others, key) ? OptionKind::kNotComputed : OptionKind::kUnknown;
}

}  // namespace deltascape::adapter
