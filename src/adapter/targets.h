// Owns which module a tensor's path names where that is no module of the base by itself: all experts at once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapter/keys.h"
#include "io/tensor_file.h"
#include "model/spec.h"

namespace deltascape::adapter {

// LoRA on a tensor with all experts' weights (PEFT's target_parameters): its module is the one that holds the tensor,
// and a second such tensor's is wrapped once more.
struct FusedTarget {
  std::string path;                // of the tensor that is adapted, "model.layers.0.mlp.experts.down_proj"
  std::vector<model::Site> sites;  // of all experts
};
// Nothing where `tensor` is no A or B of such a pair.
std::optional<FusedTarget> fused_target(const io::TensorFile& file, const io::TensorInfo& tensor, const Key& key,
                                        const model::ModelSpec& spec);

}  // namespace deltascape::adapter
