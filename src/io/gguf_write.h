// Owns writing GGUF v3 files (ggml docs/gguf.md): typed metadata, then tensors at multiples of 32 bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "io/safetensors_write.h"

namespace deltascape::io {

using GgufValueToWrite = std::variant<std::string, float, std::uint32_t>;
using GgufMetadata = std::vector<std::pair<std::string, GgufValueToWrite>>;

// Atomic. Shapes are outermost first, as everywhere here; the file has them the other way round.
// Throws Error(kInternal) naming the tensor when bytes and shape do not fit or a name repeats; Error(kIo) when the file
// cannot be written.
void write_gguf(const std::filesystem::path& file, const GgufMetadata& metadata,
                const std::vector<TensorToWrite>& tensors);

}  // namespace deltascape::io
