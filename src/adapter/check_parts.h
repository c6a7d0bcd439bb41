// Owns the rules that an adapter's tensors for one module follow: which of them go together, and their shapes.
#pragma once

#include <vector>

#include "adapter/keys.h"
#include "adapter/peft_config.h"
#include "model/checkpoint.h"

namespace deltascape::adapter {

struct PartsCheck {
  const io::TensorFile& file;
  const model::ModelSpec& spec;
  const PeftConfig& config;
  const io::TensorInfo* vera_a;
  const io::TensorInfo* vera_b;
  std::size_t tokens, head_tokens;  // how many rows of the token embedding, and the head, the configuration names
};
// Throws Error naming the tensor: kBadFile where a part is missing, kMismatch for another shape than the base's,
// kUnsupported for a combination that is not computed.
void check_parts(const PartsCheck& check, const Parts& parts, model::Site site);

}  // namespace deltascape::adapter
