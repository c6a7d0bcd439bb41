// Owns the names under which PEFT and llama.cpp save an adapter's tensors: which module each belongs to, and which part
// of the computation it is.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/tensor_file.h"

namespace deltascape::adapter {

enum class Role : std::uint8_t {
  kWeight,  // takes the place of the module's own
  kBias,
  kA,  // LoRA, AdaLoRA
  kB,
  kE,          // AdaLoRA's singular values
  kMagnitude,  // DoRA
  kLoraBias,
  kEmbedA,  // LoRA on the token embedding
  kEmbedB,
  kTokens,  // rows of the token embedding
  kIa3,
  kHada1A,  // LoHa
  kHada1B,
  kHada2A,
  kHada2B,
  kKron1,  // LoKr: a factor, or the two it is a product of
  kKron1A,
  kKron1B,
  kKron2,
  kKron2A,
  kKron2B,
  kVeraB,
  kVeraD,
  kHra,
  kMiss,
  kOft,
};
inline constexpr std::size_t kRoles = 26;
static_assert(static_cast<std::size_t>(Role::kOft) + 1 == kRoles);

struct Key {
  std::string module_path;  // "model.layers.0.self_attn.q_proj", in a GGUF "blk.0.attn_q"
  Role role = Role::kWeight;
  bool adapts = true;       // not merely a saved module
  std::string adapter{};    // the adapter's name, where it stands in the tensor's
  bool base_layer = false;  // the module's own weight or bias, beside an operator
};

// "base_model.model.….q_proj.lora_A.weight" -> {"….q_proj", kA}, "blk.0.attn_q.weight.lora_a" -> {"blk.0.attn_q", kA};
// nothing for a name of another kind. PEFT's prefix may be missing.
std::optional<Key> parse_key(std::string_view name);

// PEFT's name of it behind the module's: "lora_A"; "weight" and "bias" for the module's own.
std::string_view name_of(Role role);

// What an adapter holds for one module; null where there is none.
struct Parts {
  std::array<const io::TensorInfo*, kRoles> tensors{};
  double scale = 1;
  std::int64_t rank = 0;  // what the configuration says; 0 for a kind without
  bool idle = false;      // a factor is zero: nothing is added (a replaced weight or bias, a magnitude still count)

  const io::TensorInfo*& operator[](Role role) { return tensors[static_cast<std::size_t>(role)]; }
  const io::TensorInfo* operator[](Role role) const { return tensors[static_cast<std::size_t>(role)]; }
};

}  // namespace deltascape::adapter
