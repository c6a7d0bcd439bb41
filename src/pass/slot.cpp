#include "pass/slot.h"

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

Norm Slot::outer_norm(const Setting& s, Module module, const Norm& base) const {
  const Site site{module};
  if (!s.base.spec().has(module)) return {};
  if (variant->full) return loaded_norm(*variant->full, site, s.dtype());
  const adapter::ModuleOps ops = variant->adapter->ops(site, s.dtype());
  return replaced(s.base.spec(), base, ops.weight, ops.bias);
}

Ending Slot::ending(const Setting& s, const Ending& base) const {
  if (variant->full) return loaded_ending(*variant->full, s.dtype());
  Ending out{outer_norm(s, Module::kFinalNorm, base.norm), base.projection};
  if (s.base.spec().has(Module::kProjectOut))
    out.projection.ops = variant->adapter->ops({Module::kProjectOut}, s.dtype());
  return out;
}

}  // namespace deltascape::engine
