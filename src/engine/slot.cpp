#include "engine/slot.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

LayerOps Slot::ops(const Setting& s, int layer) const {
  return variant->full ? LayerOps(*variant->full, layer, s.dtype())
                       : LayerOps(*variant->adapter, s.base, layer, s.dtype());
}

std::optional<at::Tensor> Slot::embedding(const Setting& s, const Layout& layout) const {
  if (variant->full)
    return scaled_embeddings(variant->full->spec(), variant->full->embedding_rows(layout.ids, s.dtype()));
  auto found = variant->adapter->embedding_rows(layout.ids, s.dtype());
  return found ? std::optional(scaled_embeddings(s.base.spec(), *found)) : std::nullopt;
}

at::Tensor Slot::final_norm(const Setting& s) const {
  const Site site{Module::kFinalNorm};
  if (variant->full) return norm_weight(variant->full->spec(), variant->full->load(site, Param::kWeight, s.dtype()));
  const adapter::ModuleOps ops = variant->adapter->ops(site, s.dtype());
  return norm_weight(s.base.spec(), ops.weight.defined() ? ops.weight : s.base.load(site, Param::kWeight, s.dtype()));
}

}  // namespace deltascape::engine
