#include "adapter/keys.h"

#include <vector>

#include "adapter/kinds.h"
#include "model/wrapped_names.h"

namespace deltascape::adapter {
namespace {

struct Name {
  Component component;
  bool adapts = true;
  bool named = true;  // the adapter's name may stand behind it
};
// A module's own tensors, beside an operator or as they were saved.
constexpr Name kOwn[] = {{{"token_adapter.base_layer", Role::kWeight, Role::kBias}, false, false},
                         {{"base_layer", Role::kWeight, Role::kBias}, false, false},
                         {{"modules_to_save", Role::kWeight, Role::kBias}, false, true}};

// Those of all kinds: a tensor's name says its role before anything says the kind.
const std::vector<Name>& all_names() {
  static const std::vector<Name> all = [] {
    std::vector<Name> out;
    for (const Kind& kind : kinds())
      for (const Component& c : kind.tensors) out.push_back({c});
    out.insert(out.end(), std::begin(kOwn), std::end(kOwn));
    return out;
  }();
  return all;
}

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
  for (const Name& n : all_names())
    if (n.component.weight == role) return n.component.name;
  return {};
}

std::optional<Key> parse_key(std::string_view name) {
  if (name.ends_with(".lora_a") || name.ends_with(".lora_b")) return parse_gguf_key(name);
  if (name.starts_with(model::kPeftPrefix)) name.remove_prefix(model::kPeftPrefix.size());
  const bool bias = strip(name, ".bias"), weight = !bias && strip(name, ".weight");
  for (const auto& [c, adapts, named] : all_names()) {
    std::string_view module = name, adapter;
    if (!strip(module, c.name)) {
      // The adapter's name stands behind where a state dict was saved by hand: "….lora_A.default".
      const auto dot = name.rfind('.');
      if (!named || dot == std::string_view::npos) continue;
      adapter = name.substr(dot + 1);
      module = name.substr(0, dot);
      if (!strip(module, c.name)) continue;
    }
    if (!strip(module, ".")) continue;
    if (bias && !c.bias) return {};
    return Key{std::string(module), bias ? *c.bias : c.weight, adapts, std::string(adapter), c.name == "base_layer"};
  }
  for (const std::string_view mark : kMarks)
    if (const auto at = name.find(mark); at != std::string_view::npos && (at == 0 || name[at - 1] == '.')) return {};
  if (!bias && !weight) return {};
  return Key{std::string(name), bias ? Role::kBias : Role::kWeight, false, ""};
}

}  // namespace deltascape::adapter
