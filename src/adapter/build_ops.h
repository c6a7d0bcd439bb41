// Owns the formulas: an adapter's tensors for one module become operators. They are PEFT's, and the goldens of
// tests/goldens/adapters.py hold each of them to it.
#pragma once

#include "adapter/keys.h"
#include "adapter/operators.h"
#include "adapter/peft_config.h"
#include "model/checkpoint.h"

namespace deltascape::adapter {

// Where the numbers come from.
struct Source {
  const io::TensorFile& file;
  const model::Checkpoint& base;
  const PeftConfig& config;
  const io::TensorInfo* vera_a;  // VeRA's projections, shared by all modules, or null
  const io::TensorInfo* vera_b;
  at::ScalarType dtype;
};

// Throws Error(kNumeric) naming the tensor that holds NaN or Inf.
ModuleOps build_ops(const Source& source, const Parts& parts, model::Site site);
// A pair of LoRA as PEFT has it, whatever the file's form: a [r, in], b [out, r]; of the token embedding
// a [r, vocabulary], b [hidden, r].
LowRank lora_pair(const Source& source, const Parts& parts, model::Site site);
// The size of blocks with so many numbers above the diagonal; 0 when there is none.
std::int64_t oft_block_size(std::int64_t elements);
// Rows of the token embedding as the adapter has them: [ids, hidden], unscaled. `tokens`: which rows kTokens holds.
at::Tensor build_rows(const Source& source, const Parts& parts, std::span<const std::int64_t> tokens,
                      std::span<const std::int64_t> ids);

}  // namespace deltascape::adapter
