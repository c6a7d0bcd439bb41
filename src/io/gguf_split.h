// Owns GGUF models split over several files (llama.cpp, tools/gguf-split): names, and the parts as one file.
#pragma once

#include <functional>
#include <memory>

#include "io/gguf.h"

namespace deltascape::io {

// All parts as one file; `one` is any of them, `open` opens another. Throws Error(kNotFound) that names a missing part,
// Error(kBadFile) where split.no, split.count or split.tensors.count contradict the names or each other.
std::unique_ptr<GgufFile> open_split_gguf(
    std::unique_ptr<GgufFile> one, const std::function<std::unique_ptr<GgufFile>(const std::filesystem::path&)>& open);

}  // namespace deltascape::io
