// Owns where a run computes, and a base's layers on the way there.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "engine/layer_weights.h"
#include "engine/staging.h"

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

// Layers of one checkpoint on a device. As many as there is room for stay there, from run to run. Not thread-safe.
class DeviceLayers {
 public:
  // `room`: bytes of the device for layers that stay.
  DeviceLayers(const model::Checkpoint& checkpoint, c10::Device device, std::size_t room)
      : checkpoint_(checkpoint), staging_(device), room_(room) {}
  bool resident(int layer) const { return resident_.contains(layer); }
  // dtype: kFloat or kDouble; `half`: linears in bfloat16 too. All calls ask for the same. Throws Error naming the
  // tensor.
  LayerWeights load(int layer, at::ScalarType dtype, bool half);

 private:
  void load_linear(model::Site site, at::ScalarType dtype, bool half, LayerWeights& out);
  at::Tensor sent(model::Site site, model::Param param, at::ScalarType dtype);

  const model::Checkpoint& checkpoint_;
  Staging staging_;
  std::size_t room_;
  std::map<int, LayerWeights> resident_;
};

}  // namespace deltascape::engine
