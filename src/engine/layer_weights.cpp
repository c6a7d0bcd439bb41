#include "engine/layer_weights.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

at::Tensor norm_weight(const model::ModelSpec& spec, const at::Tensor& stored) {
  return spec.architecture->norm_plus_one ? stored.add(1) : stored;
}

LayerWeights load_layer(const model::Checkpoint& c, int layer, at::ScalarType dtype, std::int64_t rows,
                        std::int64_t rows16) {
  LayerWeights out;
  const model::ModelSpec& spec = c.spec();
  for (std::size_t m = 0; m < model::kBlockModules; ++m) {
    const Module module = model::module_at(m);
    if (!spec.has(Site{module, layer}) || model::of_expert(module)) continue;
    at::Tensor weight = c.load(Site{module, layer}, Param::kWeight, dtype);
    if (weight.dim() == 1) {
      out.norm[m] = norm_weight(spec, weight);
    } else {
      if (rows16 > 0) out.linear16[m] = PackedWeight(weight.to(at::kBFloat16), rows16);
      out.linear[m] = PackedWeight(std::move(weight), rows);
    }
    if (spec.has_bias(module)) out.bias[m] = c.load(Site{module, layer}, Param::kBias, dtype);
  }
  return out;
}

}  // namespace deltascape::engine
