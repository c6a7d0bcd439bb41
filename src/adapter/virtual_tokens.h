// Owns tuned virtual tokens: rows that stand before a text's own (prompt tuning, arXiv 2104.08691; p-tuning, arXiv
// 2103.10385), or keys and values that stand before its own in every layer (prefix tuning, arXiv 2101.00190). PEFT
// saves any of them as one matrix that bears no module's name; the encoder it was trained through is not saved.
#pragma once

#include <ATen/ATen.h>

#include "adapter/peft_config.h"
#include "io/tensor_file.h"
#include "model/spec.h"

namespace deltascape::adapter {

inline constexpr std::string_view kVirtualTokensName = "prompt_embeddings";

// How many a variant has; positions count them in either case.
struct VirtualTokens {
  std::int64_t rows = 0;  // which the first block reads before a text's own
  std::int64_t keys = 0;  // which attention finds before a text's own
  bool any() const { return rows + keys > 0; }
};

// Of one layer, with positions in no key: [keys, kv_heads·head_dim] both.
struct Prefix {
  at::Tensor k, v;
};

// What `tensor` holds for a model of this shape. Throws Error(kMismatch) when it does not fit, Error(kUnsupported)
// where there is no such computation.
VirtualTokens virtual_tokens(const PeftConfig& config, const io::TensorFile& file, const io::TensorInfo& tensor,
                             const model::ModelSpec& spec);
// One layer's slice of a prefix, read and converted; throws Error(kNumeric) when it holds NaN or Inf.
Prefix read_prefix(const io::TensorFile& file, const io::TensorInfo& tensor, const model::ModelSpec& spec, int layer,
                   at::ScalarType dtype);

}  // namespace deltascape::adapter
