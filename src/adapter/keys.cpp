#include "adapter/keys.h"

#include <algorithm>

#include "model/wrapped_names.h"

namespace deltascape::adapter {
namespace {

struct Component {
  std::string_view name;
  Role weight;               // what "….NAME.weight" is, and "….NAME" alone
  std::optional<Role> bias;  // what "….NAME.bias" is
  bool adapts = true;
  bool named = true;  // the adapter's name may stand behind it
};
constexpr Component kComponents[] = {
    {"lora_A", Role::kA, {}},
    {"lora_B", Role::kB, Role::kLoraBias},
    {"lora_E", Role::kE, {}},
    {"lora_magnitude_vector", Role::kMagnitude, {}},
    {"lora_embedding_A", Role::kEmbedA, {}},
    {"lora_embedding_B", Role::kEmbedB, {}},
    {"token_adapter.trainable_tokens_delta", Role::kTokens, {}},
    {"trainable_tokens_delta", Role::kTokens, {}},
    {"ia3_l", Role::kIa3, {}},
    {"hada_w1_a", Role::kHada1A, {}},
    {"hada_w1_b", Role::kHada1B, {}},
    {"hada_w2_a", Role::kHada2A, {}},
    {"hada_w2_b", Role::kHada2B, {}},
    {"lokr_w1", Role::kKron1, {}},
    {"lokr_w1_a", Role::kKron1A, {}},
    {"lokr_w1_b", Role::kKron1B, {}},
    {"lokr_w2", Role::kKron2, {}},
    {"lokr_w2_a", Role::kKron2A, {}},
    {"lokr_w2_b", Role::kKron2B, {}},
    {"vera_lambda_b", Role::kVeraB, {}},
    {"vera_lambda_d", Role::kVeraD, {}},
    {"hra_u", Role::kHra, {}},
    {"miss_block", Role::kMiss, {}},
    {"oft_R", Role::kOft, {}},
    {"ln_tuning_layers", Role::kWeight, Role::kBias},
    {"token_adapter.base_layer", Role::kWeight, Role::kBias, false, false},
    {"base_layer", Role::kWeight, Role::kBias, false, false},
    {"modules_to_save", Role::kWeight, Role::kBias, false},
};

// Marks of adapters in a module's path: such a name is no plain module of the base.
constexpr std::string_view kMarks[] = {"lora_", "vera_", "hada_", "lokr_",   "oft_",       "boft_",
                                       "ia3_",  "hra_",  "miss_", "vblora_", "randlora_",  "shira_",
                                       "c3a_",  "road_", "bone_", "delora_", "fourierft_", "internal_xlora"};

bool strip(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

// llama.cpp's names. The token embedding's pair is one of embeddings.
std::optional<Key> parse_gguf_key(std::string_view name) {
  const bool a = strip(name, ".lora_a");
  if ((!a && !strip(name, ".lora_b")) || !strip(name, ".weight")) return {};
  const bool embedding = name == "token_embd";
  return Key{std::string(name), a ? (embedding ? Role::kEmbedA : Role::kA) : (embedding ? Role::kEmbedB : Role::kB)};
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kWeight: return "weight";
    case Role::kBias: return "bias";
    case Role::kLoraBias: return "lora_B.bias";
    case Role::kTokens: return "trainable_tokens_delta";
    default: break;
  }
  return std::ranges::find(kComponents, role, &Component::weight)->name;
}

std::optional<Key> parse_key(std::string_view name) {
  if (name.ends_with(".lora_a") || name.ends_with(".lora_b")) return parse_gguf_key(name);
  if (name.starts_with(model::kPeftPrefix)) name.remove_prefix(model::kPeftPrefix.size());
  const bool bias = strip(name, ".bias"), weight = !bias && strip(name, ".weight");
  for (const Component& c : kComponents) {
    std::string_view module = name, adapter;
    if (!strip(module, c.name)) {
      // The adapter's name stands behind where a state dict was saved by hand: "….lora_A.default".
      const auto dot = name.rfind('.');
      if (!c.named || dot == std::string_view::npos) continue;
      adapter = name.substr(dot + 1);
      module = name.substr(0, dot);
      if (!strip(module, c.name)) continue;
    }
    if (!strip(module, ".")) continue;
    if (bias && !c.bias) return {};
    return Key{std::string(module), bias ? *c.bias : c.weight, c.adapts, std::string(adapter), c.name == "base_layer"};
  }
  for (const std::string_view mark : kMarks)
    if (const auto at = name.find(mark); at != std::string_view::npos && (at == 0 || name[at - 1] == '.')) return {};
  if (!bias && !weight) return {};
  return Key{std::string(name), bias ? Role::kBias : Role::kWeight, false, ""};
}

}  // namespace deltascape::adapter
