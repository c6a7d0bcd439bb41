#include "adapter/peft_options.h"

#include <string>

namespace deltascape::adapter {
namespace {

// Options that say where an adapter belongs and how it was made, for every type. Lists are words between spaces.
constexpr std::string_view kCommon =
    " auto_mapping base_model_name_or_path exclude_modules inference_mode layers_pattern layers_to_transform "
    "modules_to_save peft_type peft_version revision runtime_config target_modules task_type ";

// A type that is computed. `options`: those that say how it was trained, that the tensors' names and shapes already
// tell, or that read_peft_config() reads. `others`: the rest of what PEFT's class for the type has.
struct Type {
  std::string_view name;
  std::string_view options;
  std::string_view others = " ";
};
constexpr Type kTypes[] = {
    {"LORA",
     " alpha_pattern bias corda_config enable_lora ensure_weight_tying eva_config fan_in_fan_out init_lora_weights "
     "loftq_config lora_alpha lora_bias lora_dropout lora_ga_config megatron_core merge_weights qalora_group_size r "
     "rank_pattern runtime_config target_parameters trainable_token_indices use_dora use_rslora ",
     " alora_invocation_tokens arrow_config kasa_config layer_replication megatron_config monteclora_config use_bdlora "
     "use_qalora velora_config "},
    {"ADALORA",
     " alpha_pattern beta1 beta2 bias corda_config deltaT ensure_weight_tying eva_config fan_in_fan_out "
     "init_lora_weights init_r loftq_config lora_alpha lora_dropout lora_ga_config megatron_core orth_reg_weight "
     "qalora_group_size r rank_pattern runtime_config target_r tfinal tinit total_step ",
     " alora_invocation_tokens arrow_config kasa_config layer_replication lora_bias megatron_config monteclora_config "
     "target_parameters trainable_token_indices use_bdlora use_dora use_qalora use_rslora velora_config "},
    {"IA3", " fan_in_fan_out feedforward_modules init_ia3_weights "},
    {"LOHA", " alpha alpha_pattern init_weights module_dropout r rank_dropout rank_pattern use_effective_conv2d "},
    {"LOKR",
     " alpha alpha_pattern decompose_both decompose_factor init_weights module_dropout r rank_dropout "
     "rank_dropout_scale rank_pattern use_effective_conv2d "},
    {"TRAINABLE_TOKENS", " init_weights token_indices "},
    {"VERA", " bias d_initial fan_in_fan_out init_weights projection_prng_key r save_projection vera_dropout "},
    {"LN_TUNING", " "},
    {"HRA", " apply_GS bias init_weights r "},
    {"OFT",
     " bias block_share eps fan_in_fan_out init_weights module_dropout num_cayley_neumann_terms oft_block_size r "
     "use_cayley_neumann ",
     " coft "},
    {"MISS", " bias init_weights mini_r miss_dropout r "},
    // What is saved comes out of the encoder (projection, MLP, LSTM) that the training went through.
    {"PREFIX_TUNING",
     " encoder_hidden_size init_weights num_attention_heads num_layers num_transformer_submodules num_virtual_tokens "
     "prefix_projection token_dim "},
    {"PROMPT_TUNING",
     " num_attention_heads num_layers num_transformer_submodules num_virtual_tokens prompt_tuning_init "
     "prompt_tuning_init_text token_dim tokenizer_kwargs tokenizer_name_or_path "},
    {"P_TUNING",
     " encoder_dropout encoder_hidden_size encoder_num_layers encoder_reparameterization_type num_attention_heads "
     "num_layers num_transformer_submodules num_virtual_tokens token_dim "},
};

const Type* type_named(std::string_view name) {
  for (const Type& t : kTypes)
    if (t.name == name) return &t;
  return nullptr;
}

}  // namespace

bool has_word(std::string_view words, std::string_view word) {
  return words.find(" " + std::string(word) + " ") != std::string_view::npos;
}

bool is_computed_type(std::string_view peft_type) { return type_named(peft_type) != nullptr; }

OptionKind known_option(std::string_view peft_type, std::string_view key) {
  const Type& type = *type_named(peft_type);
  if (has_word(kCommon, key) || has_word(type.options, key)) return OptionKind::kKnown;
  return has_word(type.others, key) ? OptionKind::kNotComputed : OptionKind::kUnknown;
}

}  // namespace deltascape::adapter
