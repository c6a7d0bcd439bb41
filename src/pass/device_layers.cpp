#include "pass/device_layers.h"

namespace deltascape::engine {

using model::Param;
using model::Site;

at::Tensor DeviceLayers::sent(Site site, Param param, at::ScalarType dtype) {
  const at::Tensor place = staging_.place(checkpoint_.spec().shape(site.module), dtype);
  return staging_.send(checkpoint_.load(site, param, dtype, place));
}

// A bfloat16 file's bytes go over as they are, half as many as what they become there.
void DeviceLayers::load_linear(Site site, at::ScalarType dtype, bool half, LayerWeights& out) {
  const std::size_t m = model::index(site.module);
  if (checkpoint_.can_view(site, Param::kWeight, at::kBFloat16)) {
    const at::Tensor stored = checkpoint_.view(site, Param::kWeight, at::kBFloat16);
    const at::Tensor weight = staging_.send(staging_.place(stored.sizes(), at::kBFloat16).copy_(stored));
    out.linear[m] = PackedWeight(weight.to(dtype), 0, 0);
    if (half) out.linear16[m] = PackedWeight(weight, 0, 0);
    return;
  }
  const at::Tensor weight = sent(site, Param::kWeight, dtype);
  if (half) out.linear16[m] = PackedWeight(weight.to(at::kBFloat16), 0, 0);
  out.linear[m] = PackedWeight(weight, 0, 0);
}

LayerWeights DeviceLayers::load(int layer, at::ScalarType dtype, bool half) {
  const auto found = resident_.find(layer);
  if (found != resident_.end()) return found->second;
  std::size_t bytes = 0;
  const auto counted = [&](at::Tensor sent) {
    bytes += sent.nbytes();
    return sent;
  };
  LayerWeights out = gathered(
      checkpoint_.spec(), layer,
      [&](Site site, Param param) {
        return counted(param == Param::kWeight ? sent(site, param, dtype)
                                               : staging_.send(checkpoint_.load(site, param, dtype)));
      },
      [&](Site site, LayerWeights& weights) {
        load_linear(site, dtype, half, weights);
        const auto elements = static_cast<std::size_t>(c10::multiply_integers(checkpoint_.spec().shape(site.module)));
        bytes += elements * (c10::elementSize(dtype) + (half ? 2 : 0));
      });
  staging_.end_layer();
  if (bytes <= room_) {
    room_ -= bytes;
    resident_.emplace(layer, out);
  }
  return out;
}

}  // namespace deltascape::engine
