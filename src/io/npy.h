// Owns one .npy array's bytes (numpy/lib/format.py, versions 1.0 to 3.0): its header and its values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/npz.h"

namespace deltascape::io {

// `name` is the array's, for messages. Values that take more than `most` bytes of memory are refused.
NpyArray decode_npy(std::span<const std::byte> bytes, const std::filesystem::path& file, const std::string& name,
                    std::uint64_t most = UINT64_MAX);

// The same without a copy: values that are little-endian float32 in C order; empty for others.
struct NpyFloats {
  std::vector<std::int64_t> shape;
  std::span<const std::byte> values;
};
std::optional<NpyFloats> floats_of_npy(std::span<const std::byte> bytes, const std::filesystem::path& file,
                                       const std::string& name);

// What is written of an array: the header, and the values as they lie in the file.
struct EncodedNpy {
  std::string header;
  std::vector<std::byte> owned;     // values that had to be converted
  std::span<const std::byte> body;  // into `owned` or into the array
};
EncodedNpy encode_npy(const NpyArray& array, const std::filesystem::path& file, const std::string& name);

}  // namespace deltascape::io
