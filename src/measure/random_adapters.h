// Owns random LoRA adapters of a base: what a benchmark embeds when it is given no models.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/progress.h"
#include "model/spec.h"

namespace deltascape::measure {

// `count` adapters in PEFT's layout, each of other content: float32, alpha 2·rank, A and B random, on q, k, v, gate,
// up and down of every block. Throws Error(kUnsupported) when the family has none of them.
std::vector<ModelRef> make_random_adapters(const model::ModelSpec& spec, int count, int rank,
                                           const std::filesystem::path& folder, Progress& progress);

}  // namespace deltascape::measure
