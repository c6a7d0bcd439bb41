// What a path holds, from headers alone (docs/design.md §4.4 `inspect`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/progress.h"

namespace deltascape {

struct Inspection {
  std::string path;
  std::string kind;                  // base | an adapter kind as "lora" (docs/coverage.md) | unknown
  std::string family;                // architecture ("llama", "gemma3_text"); of an adapter: that of the base it fits
  std::int64_t rank = 0;             // largest LoRA rank, 0 where there is none
  std::vector<std::string> targets;  // adapted module kinds, sorted: q_proj, v_proj
  std::string base;                  // base_model_name_or_path it names
  std::string verdict;               // exact | refused
  std::string reason;                // one line; empty for exact
  std::string precision;             // what `embed --precision auto` takes where bfloat16 is fast: delta | fp32
  std::string dtype;                 // of the weights: BF16, "Q4_1+Q6_K"
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;     // on disk
  std::optional<bool> fits;   // modules and shapes are those of the base; nothing where they were not compared
  std::string compared_with;  // the base that `fits` speaks of
  std::string note;           // what is read otherwise than the files say, why it was not compared; mostly empty
};

struct InspectOptions {
  std::string base;     // everything is compared with this one; empty: each adapter with the base it names
  int threads = 0;      // 0: as many as keep disk and processors busy
  bool strict = false;  // adapters with options that PEFT does not know are refused
};

// Never throws for what a path holds: an unreadable one comes back refused, with the reason. Compares nothing.
Inspection inspect(const std::string& path);

// The same for many, in their order, each compared with its base. What does not fit is refused. Bases that adapters
// name are looked for on this machine (as a path, or in the Hugging Face cache); nothing is downloaded. Throws Error
// when InspectOptions::base cannot be opened.
std::vector<Inspection> inspect(const std::vector<std::string>& paths, const InspectOptions& options,
                                Progress& progress = silent_progress());

}  // namespace deltascape
