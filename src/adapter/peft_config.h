// Owns adapter_config.json (PEFT): what it means, and which of its options would change the result in a way that is
// not computed here.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/targeting.h"
#include "core/regex.h"
#include "io/json.h"

namespace deltascape::adapter {

// A key of rank_pattern or alpha_pattern, compiled once: PEFT's get_pattern_key takes the module whose path matches
// (.*\.)?(KEY)$. Most keys are plain paths, in which a dot alone has a meaning.
class ModulePattern {
 public:
  // Throws Error(kUsage) when the key is no regular expression.
  explicit ModulePattern(std::string key);
  bool matches(std::string_view module_path) const;

 private:
  std::string key_;
  std::shared_ptr<const Regex> regex_;  // null for a plain path
};

struct Kind;  // kinds.h

// How LoRA's A and B began. Where they were a part of the base's weight, PEFT takes that part from the base at load.
enum class Start { kPlain, kPissa, kOlora };

struct PeftConfig {
  const Kind* kind = nullptr;  // null: none that is supported, which `refusal` says
  std::string peft_type;       // as the file has it: "LORA"
  std::string base;            // base_model_name_or_path
  std::int64_t rank = 8;       // 0 for a kind without
  double alpha = 8;
  bool rslora = false;
  bool dora = false;
  bool gram_schmidt = false;                   // HRA's apply_GS
  bool block_share = false;                    // OFT: one block for all runs
  std::optional<std::int64_t> cayley_terms{};  // OFT: of the Cayley transform's series; 0 for the transform itself
  std::int64_t virtual_tokens = 0;             // 0 for a kind without
  bool ensure_tying = false;                   // a tied head takes what is done to the token embedding
  bool gguf = false;                           // llama.cpp's names, order of rows and scale
  Start start = Start::kPlain;
  // Which rows of the token embedding are trained, by the end of the embedding's name; "" means the input embedding.
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tokens;
  // In the file's order: PEFT takes the first that matches.
  std::vector<std::pair<ModulePattern, std::int64_t>> rank_pattern;
  std::vector<std::pair<ModulePattern, double>> alpha_pattern;
  std::string refusal;  // why this adapter is not computed exactly; empty when it is
  Targeting targeting;  // which modules are adapted; of a GGUF adapter and of one without modules: all
  std::vector<std::string> unknown_options;  // fields that PEFT does not know, and ignores

  std::int64_t rank_of(const std::string& module_path) const;
  double scale_of(const std::string& module_path) const;  // α/r, rsLoRA α/√r, AdaLoRA α/(r + 1e-5)
  const std::vector<std::int64_t>* tokens_of(std::string_view module_path) const;  // null where none are trained
  // What decides the result beside tensors and scales, as text; empty for plain LoRA.
  std::string computation() const;
};

// `path`: a folder that holds adapter_config.json, or a GGUF adapter (gguf_lora.h). Throws Error on an unreadable or
// malformed file; an option that is not computed is no error here but a `refusal`.
PeftConfig read_peft_config(const std::filesystem::path& path);
// Throws Error(kUnsupported) with the refusal, where there is one.
void require_supported(const PeftConfig& config, const std::filesystem::path& path);

}  // namespace deltascape::adapter
