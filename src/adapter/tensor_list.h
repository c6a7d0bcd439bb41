// Owns tensors on their way into a file: converted to one type, checked, and kept until they are written.
#pragma once

#include <ATen/ATen.h>

#include <span>
#include <string>
#include <vector>

#include "deltascape/error.h"
#include "io/safetensors_write.h"

namespace deltascape::adapter {

// Of a contiguous tensor on the CPU, which must outlive them.
inline std::span<const std::byte> bytes_of(const at::Tensor& t) {
  return std::as_bytes(std::span(static_cast<const char*>(t.const_data_ptr()), t.nbytes()));
}

class TensorList {
 public:
  explicit TensorList(io::DType dtype) : dtype_(dtype) {}
  // Throws Error(kNumeric) where a value is beyond the type.
  void add(const std::string& name, const at::Tensor& values) {
    const at::ScalarType type = dtype_ == io::DType::kF16    ? at::kHalf
                                : dtype_ == io::DType::kBF16 ? at::kBFloat16
                                                             : at::kFloat;
    const at::Tensor kept = values.detach().to(type).contiguous();
    if (!kept.isfinite().all().item<bool>())
      throw Error(ErrorCode::kNumeric,
                  "a value is beyond " + std::string(io::info(dtype_).name) + ": give " + option("dtype") + " F32",
                  {.field = name});
    kept_.push_back(kept);
    out_.push_back({name, dtype_, kept.sizes().vec(), bytes_of(kept)});
  }
  const std::vector<io::TensorToWrite>& operator()() const { return out_; }

 private:
  io::DType dtype_;
  std::vector<at::Tensor> kept_;
  std::vector<io::TensorToWrite> out_;
};

}  // namespace deltascape::adapter
