// Owns where a run computes.
#pragma once

#include <ATen/Context.h>
#include <c10/core/Device.h>

#include <optional>
#include <string>
#include <utility>

namespace deltascape::engine {

// "cpu", "auto" (the processor), "cuda" or "cuda:1". Throws Error(kUsage) for another word and for a GPU that this
// machine or this build of LibTorch does not have.
c10::Device parse_device(const std::string& name);
// Products on a GPU in full float32, as parity asks for, for as long as it lives: neither TF32 nor sums in bfloat16.
class ExactProducts {
 public:
  ExactProducts();
  ~ExactProducts();
  ExactProducts(const ExactProducts&) = delete;
  ExactProducts& operator=(const ExactProducts&) = delete;

 private:
  at::NoTF32Guard no_tf32_;
  at::CuBLASReductionOption sums_;
};
// Bytes that are free there; 0 where LibTorch does not say.
std::size_t free_bytes(c10::Device device);
// Of an NVIDIA GPU, major and minor; nothing where the driver does not say.
std::optional<std::pair<int, int>> compute_capability(c10::Device device);

}  // namespace deltascape::engine
