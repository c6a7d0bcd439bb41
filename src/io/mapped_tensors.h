// Owns the common body of the formats whose tensors are ranges of one mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
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
  std::size_t slot_of(std::string_view name) const;
  void grow();

  std::vector<TensorInfo> tensors_;
  std::vector<std::span<const std::byte>> bytes_;
  // Open addressing: 1 + the tensor's number, 0 for free; a power of two, at most half full. Thousands of adapters are
  // open at a time: a map of names would double what each takes.
  std::vector<std::uint32_t> slots_;
};

}  // namespace deltascape::io
