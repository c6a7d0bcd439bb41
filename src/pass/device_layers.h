// Owns a base's layers on a device, and on the way there.
#pragma once

#include <ATen/ATen.h>

#include <map>

#include "exec/layer_weights.h"
#include "pass/staging.h"

namespace deltascape::engine {

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
