// What a path holds, from headers alone (DESIGN §4 `inspect`).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deltascape {

struct Inspection {
  std::string path;
  std::string kind;                  // base | lora | … | unknown
  std::string family;                // architecture ("llama", "gemma3_text"), for a base or a full finetune
  std::int64_t rank = 0;             // largest LoRA rank, 0 where there is none
  std::vector<std::string> targets;  // adapted module kinds, sorted: q_proj, v_proj
  std::string base;                  // base_model_name_or_path it names
  std::string verdict;               // exact | approximate | refused
  std::string reason;                // one line; empty for exact
  std::string precision;             // what `embed --precision auto` takes where bfloat16 is fast: delta | fp32
  std::string dtype;                 // of the weights: BF16, "Q4_1+Q6_K"
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;  // on disk
};

// Never throws for what a path holds: an unreadable one comes back refused, with the reason.
Inspection inspect(const std::string& path);

}  // namespace deltascape
