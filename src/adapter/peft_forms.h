// Owns writing adapters in PEFT's layout: a folder of adapter_config.json and adapter_model.safetensors. Each writer
// takes a folder that must not be there yet, and which is there as a whole or not at all.
#pragma once

#include <filesystem>
#include <vector>

#include "adapter/lora_forms.h"

namespace deltascape::adapter {

// IA3 (arXiv 2205.05638): what scales a module's output, or its input where it is a feed-forward's.
struct ScaledModule {
  model::Site site;
  at::Tensor factors;  // [out], or [in]
  bool input = false;
};

// All throw Error(kUnsupported) naming a module that the form has no name for, Error(kNumeric) where a value is beyond
// the type, Error(kIo) where the folder cannot be put in place.
void write_peft_lora(const std::filesystem::path& folder, const std::vector<LoraPair>& pairs, const LoraForm& form);
void write_peft_ia3(const std::filesystem::path& folder, const std::vector<ScaledModule>& modules,
                    const LoraForm& form);
// prompt_embeddings: [virtual tokens, layers·2·kv_heads·head_dim]
void write_peft_prefix(const std::filesystem::path& folder, const at::Tensor& prompt_embeddings, const LoraForm& form);

// What a module is called in the class that transformers has for generation: "model.layers.0.self_attn.q_proj".
std::string module_path(const model::ModelSpec& spec, model::Site site);

}  // namespace deltascape::adapter
