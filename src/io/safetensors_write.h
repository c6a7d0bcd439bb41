// Owns writing safetensors files (https://huggingface.co/docs/safetensors, "Format").
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/tensor_file.h"

namespace deltascape::io {

// What goes into a file: row-major, little-endian bytes that the caller keeps until the file is written.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;  // a plain type: safetensors has no quantised blocks
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

// The bytes that its shape and type ask for; false where they cannot be counted, and `out` is 0.
bool asked_bytes(const TensorToWrite& tensor, std::uint64_t& out);

// Atomic. Tensors of wider types come first, so that all are aligned; otherwise the order given is kept.
// Throws Error(kInternal) naming the tensor when bytes and shape do not fit, a name repeats, or the format lacks the
// type; Error(kIo) when the file cannot be written.
void write_safetensors(const std::filesystem::path& file, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace deltascape::io
