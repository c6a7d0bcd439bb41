// Owns causal attention over packed probes on a device, in ATen; attention.h is the processor's.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <vector>

#include "exec/attention.h"
#include "exec/positions.h"
#include "model/spec.h"

namespace deltascape::engine {

class DeviceAttention {
 public:
  // Throws Error for a family whose positions need weights (T5's distances), which does not run on a device.
  DeviceAttention(const model::ModelSpec& spec, const Layout& layout, const at::TensorOptions& options);
  // As Attention's.
  at::Tensor operator()(const model::LayerSpec& layer, const AttentionRows& rows) const;

 private:
  const model::ModelSpec& spec_;
  const Layout& layout_;
  std::vector<std::vector<Angles>> angles_;                      // by rope and probe, [rows, dim/2]
  std::map<std::pair<int, int>, std::vector<at::Tensor>> bias_;  // by window and chunk, then probe, on the scores
};

}  // namespace deltascape::engine
