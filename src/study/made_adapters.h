// Adapters that are made of others without training: what a benchmark sets beside the trained ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "model/checkpoint.h"

namespace deltascape::study {

// Each writes a LoRA in PEFT's layout into a folder that is not there yet, and throws what reading one throws; Error
// (kUnsupported) for adapters of other kinds.

// Normal numbers in place of A and B, scaled so that ‖A‖ and ‖ΔW‖ of each module are the adapter's.
void write_random_like(const std::filesystem::path& adapter, const model::Checkpoint& base, std::uint64_t seed,
                       const std::filesystem::path& out);
// (ΔW₁ + ΔW₂)/2 exactly: the factors stacked.
void write_mean_of(const std::filesystem::path& one, const std::filesystem::path& other, const model::Checkpoint& base,
                   const std::filesystem::path& out);
// The same ΔW but for rounding, in other bytes: A and B with the other sign, in float16.
void write_resaved(const std::filesystem::path& adapter, const model::Checkpoint& base,
                   const std::filesystem::path& out);

}  // namespace deltascape::study
