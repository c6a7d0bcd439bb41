// Owns GGUF LoRA files (llama.cpp's convert_lora_to_gguf.py and llama-adapter.cpp): which files are such, and what
// their metadata mean. Names and shapes of their tensors are read as PEFT's are (keys.h, check_parts.h).
#pragma once

#include <filesystem>
#include <memory>

#include "adapter/peft_config.h"
#include "io/gguf.h"
#include "model/spec.h"

namespace deltascape::adapter {

// A GGUF adapter, or the only GGUF of a folder where that is one; null for anything else, a folder in PEFT's layout
// among it. Throws Error for a broken file.
std::unique_ptr<io::GgufFile> open_gguf_adapter(const std::filesystem::path& path);
// What it computes; `gguf` is set in it.
PeftConfig read_gguf_config(const io::GgufFile& file);
// The architecture's name that llama.cpp has for a family's adapters; empty where it is not known here.
std::string_view gguf_adapter_architecture(const model::Architecture& family);
// Throws Error(kMismatch) when the file is for another architecture than the base's.
void check_architecture(const io::GgufFile& file, const model::ModelSpec& base);

}  // namespace deltascape::adapter
