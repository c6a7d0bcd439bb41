// Owns the view of a checkpoint in which every part has one tensor of its own: where a file has those of all experts in
// one (FusedName), pieces of the same bytes, so that experts are still read and released one by one; where it has a
// tensor for each head's norm (StableLM), all of them joined.
#pragma once

#include <memory>

#include "io/tensor_file.h"
#include "model/spec.h"

namespace deltascape::model {

// `file` itself where it holds no such tensors. The others go by the names that the architecture has for one part.
// Throws Error for a tensor of another shape than the model's numbers say.
std::shared_ptr<const io::TensorFile> rearranged(std::shared_ptr<const io::TensorFile> file, const ModelSpec& spec,
                                                 bool gguf);

}  // namespace deltascape::model
