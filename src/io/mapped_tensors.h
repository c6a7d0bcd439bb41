// Owns the common body of the formats whose tensors are ranges of one mapped file.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/file.h"
#include "io/tensor_file.h"

namespace deltascape::io {

// Bytes of `elements` of a type; false when they are not whole blocks or do not fit.
bool byte_count(DType dtype, std::uint64_t elements, std::uint64_t& out);

// A tensor and the bytes that hold it. Both must outlive the index (they lie in the map or in owned buffers).
class TensorIndex {
 public:
  // False when the name is already there.
  bool add(TensorInfo tensor, std::span<const std::byte> bytes);
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* find(std::string_view name) const;
  // Throws for a TensorInfo that is not of this file.
  std::span<const std::byte> bytes(const TensorInfo& tensor, const std::filesystem::path& file) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::vector<TensorInfo> tensors_;
  std::vector<std::span<const std::byte>> bytes_;
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> places_;
};

}  // namespace deltascape::io
