#include "engine/slot.h"

namespace deltascape::engine {

using model::Module;
using model::Site;

LayerOps Slot::ops(const Setting& s, int layer) const {
  return variant->full ? LayerOps(*variant->full, layer, s.dtype())
                       : LayerOps(*variant->adapter, s.base, layer, s.dtype());
}

std::optional<at::Tensor> Slot::embedding(const Setting& s, const Layout& layout) const {
  if (variant->full) return embedded(*variant->full, layout, s.dtype());
  return embedded(s.base, *variant->adapter, layout, s.dtype());
}

Norm Slot::final_norm(const Setting& s) const {
  const Site site{Module::kFinalNorm};
  if (variant->full) return loaded_norm(*variant->full, site, s.dtype());
  Norm norm = loaded_norm(s.base, site, s.dtype());
  const adapter::ModuleOps ops = variant->adapter->ops(site, s.dtype());
  if (ops.weight.defined()) norm.weight = norm_weight(s.base.spec(), ops.weight);
  if (ops.bias.defined()) norm.bias = ops.bias;
  return norm;
}

}  // namespace deltascape::engine
