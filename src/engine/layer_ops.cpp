#include "engine/layer_ops.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

std::span<const Module> same_input(Module module) {
  static constexpr Module kAttention[] = {Module::kQ, Module::kK, Module::kV}, kMlp[] = {Module::kGate, Module::kUp},
                          kCross[] = {Module::kCrossK, Module::kCrossV};
  static constexpr auto kAlone = [] {
    std::array<Module, model::kModules> all{};
    for (std::size_t m = 0; m < all.size(); ++m) all[m] = model::module_at(m);
    return all;
  }();
  switch (module) {
    case Module::kQ:
    case Module::kK:
    case Module::kV: return kAttention;
    case Module::kGate:
    case Module::kUp: return kMlp;
    case Module::kCrossK:
    case Module::kCrossV: return kCross;
    default: return std::span(kAlone).subspan(model::index(module), 1);
  }
}

LayerOps::LayerOps(const adapter::Adapter& adapter, const model::Checkpoint& base, int layer, at::ScalarType dtype)
    : adapter_(&adapter), layer_(layer), dtype_(dtype) {
  model::PerModule<std::vector<at::Tensor>> stacks;
  for (std::size_t m = 0; m < model::kBlockModules; ++m) {
    const Module module = model::module_at(m);
    if (!base.spec().has(module)) continue;
    adapter::ModuleOps ops = adapter.ops(Site{module, layer}, dtype);
    weight_[m] = std::move(ops.weight);
    bias_[m] = std::move(ops.bias);
    out_scale_[m] = std::move(ops.out_scale);
    input_[m] = std::move(ops.input);
    products_[m] = std::move(ops.products);
    std::vector<at::Tensor>& stack = stacks[index(same_input(module)[0])];
    std::int64_t first = 0;
    for (const at::Tensor& a : stack) first += a.size(0);
    for (adapter::LowRank& l : ops.low_rank) {
      const std::int64_t rank = l.a.size(0);
      expand_[m].push_back({first, rank, l.b.t().mul(l.scale).contiguous()});
      stack.push_back(std::move(l.a));
      first += rank;
    }
  }
  prefix_ = adapter.prefix(layer, dtype);
  for (std::size_t m = 0; m < model::kBlockModules; ++m)
    if (!stacks[m].empty()) shrink_[m] = stacks[m].size() == 1 ? stacks[m][0] : at::cat(stacks[m]);
}

adapter::ModuleOps LayerOps::expert(Site site) const {
  if (full_ != nullptr) {
    adapter::ModuleOps own{.weight = full_->load(site, Param::kWeight, dtype_)};
    full_->release(site, Param::kWeight);
    return own;
  }
  return adapter_ != nullptr ? adapter_->ops(site, dtype_) : adapter::ModuleOps();
}

at::Tensor LayerOps::weight(Module module) const {
  return full_ != nullptr ? full_->load(Site{module, layer_}, Param::kWeight, dtype_) : weight_[index(module)];
}

at::Tensor LayerOps::bias(Module module) const {
  if (full_ == nullptr) return bias_[index(module)];
  return full_->spec().has_bias(module) ? full_->load(Site{module, layer_}, Param::kBias, dtype_) : at::Tensor();
}

}  // namespace deltascape::engine
