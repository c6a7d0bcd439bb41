// Names that training code leaves in a checkpoint or an adapter around the model's own: torch.compile, DDP, FSDP,
// activation checkpointing, Lightning and TRL's value head each put a component into every tensor's path.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_file.h"

namespace deltascape::model {

// What PEFT puts before every name of the model that it adapts.
inline constexpr std::string_view kPeftPrefix = "base_model.model.";

// "_orig_mod.model.layers.0._fsdp_wrapped_module.mlp…" -> "model.layers.0.mlp…".
std::string without_wrappers(std::string_view name);

// The file's tensors under the model's own names; `notes` gets a line that says which wrappers were met.
std::unique_ptr<io::TensorFile> without_wrappers(std::unique_ptr<io::TensorFile> file, std::vector<std::string>& notes);

// What stands before a known module's path in `module_path` ("foo.bar." of "foo.bar.layers.0.mlp.up_proj"), for
// messages; nothing where no module of a known form ends it.
std::optional<std::string> unknown_prefix(std::string_view module_path);

// The part of a multimodal or task model that a tensor belongs to where that is not the text path, "vision_tower" or
// "v_head": what a causal model's hidden states for a text do not depend on. Empty for all else. `module_path` is
// without wrappers.
std::string_view outside_text(std::string_view module_path);

}  // namespace deltascape::model
