// Families that are known by name and not supported, with what of theirs is missing.
#pragma once

#include <string_view>

namespace deltascape::model {

// "per-layer embeddings, …" of a model_type, or empty for one that is not known.
std::string_view missing_parts(std::string_view model_type);

}  // namespace deltascape::model
