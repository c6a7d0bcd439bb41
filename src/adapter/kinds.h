// Owns the kinds of adapters as a table: what PEFT calls each, which options and tensors it has, and what sets it
// apart. Other code asks for a row's fields, never for its name (PEFT 0.21, the config classes).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "adapter/keys.h"

namespace deltascape::io {
class JsonFields;
}

namespace deltascape::adapter {

struct PeftConfig;

// A tensor that an adapter of a kind has for a module.
struct Component {
  std::string_view name;       // PEFT's, behind the module's: "lora_A"
  Role weight;                 // what "….NAME.weight" is, and "….NAME" alone
  std::optional<Role> bias{};  // what "….NAME.bias" is
  bool factor = false;         // where it is all zeros, the operator that it is a part of adds nothing
};

// What stands before a text's own tokens (virtual_tokens.h).
enum class Virtual : std::uint8_t { kNone, kRows, kKeys };

struct Kind {
  std::string_view peft;   // peft_type
  std::string_view title;  // for people
  std::string_view paper;
  std::span<const Component> tensors;  // beside weights and biases, which any kind may replace
  // Fields of adapter_config.json, words between spaces: those that are computed, that say how it was trained or that
  // the tensors tell too; and the rest of what PEFT's class has, which with a value select another computation.
  std::string_view options;
  std::string_view others = " ";

  std::string_view rank_key = "";                        // empty: it has no rank
  std::int64_t rank = 8;                                 // where the configuration names none
  std::string_view alpha_key = "";                       // empty: it has no alpha
  bool patterns = false;                                 // rank_pattern and alpha_pattern count
  double (*scale)(double alpha, double rank) = nullptr;  // null: alpha / rank
  // Reads its other options, and says why one of them is not supported; empty where none is.
  void (*read)(const io::JsonFields& config, PeftConfig& out) = nullptr;
  std::string (*refusal)(const io::JsonFields& config) = nullptr;

  Virtual virtual_tokens = Virtual::kNone;
  bool targets = true;            // target_modules and its kin say which modules it adapts
  bool experts = false;           // it may adapt all experts at once (target_parameters)
  std::string_view shared = "";   // how the names of two tensors begin that all modules share, A and B
  std::string_view gguf = "";     // adapter.type in llama.cpp's form; empty: it has none
  bool identity_names_it = true;  // LoRA's identities are as old as the program, which had no other kind
};

std::span<const Kind> kinds();
const Kind* find_kind(std::string_view peft_type);  // null: not supported
const Kind* find_gguf_kind(std::string_view adapter_type);
// Whether an adapter of this kind has such tensors.
bool holds(const Kind& kind, Role role);

enum class OptionKind : std::uint8_t {
  kKnown,        // computed, or without a part in the result
  kNotComputed,  // PEFT knows it; with a value it selects another computation
  kUnknown,      // PEFT ignores it
};
OptionKind option_kind(const Kind& kind, std::string_view key);

}  // namespace deltascape::adapter
