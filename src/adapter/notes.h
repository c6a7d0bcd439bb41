// What of an adapter's files is read otherwise than they say, or not at all, whatever the base is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapter/peft_config.h"
#include "io/tensor_file.h"

namespace deltascape::adapter {

// The part beside the text path that a tensor belongs to ("vision_tower"), or nothing (model/wrapped_names.h).
std::string_view part_outside_text(std::string_view tensor);

// A line each: unknown options, names of other forms than PEFT's, parts that are left out. Throws Error(kUnsupported)
// where the file holds several adapters.
std::vector<std::string> notes_of(const PeftConfig& config, const io::TensorFile& file);

// Throws Error(kUnsupported) naming the options that PEFT does not know, where there are some (--strict).
void require_known_options(const PeftConfig& config, const std::filesystem::path& folder);

}  // namespace deltascape::adapter
