#include "exec/layer_ops.h"

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

namespace {

model::PerModule<adapter::ModuleOps> read(const adapter::Adapter& adapter, const model::Checkpoint& base, int layer,
                                          at::ScalarType dtype) {
  model::PerModule<adapter::ModuleOps> out;
  for (std::size_t m = 0; m < model::kBlockModules; ++m)
    if (base.spec().has(model::module_at(m))) out[m] = adapter.ops(Site{model::module_at(m), layer}, dtype);
  return out;
}

}  // namespace

LayerOps::LayerOps(model::PerModule<adapter::ModuleOps> ops) : ops_(std::move(ops)) {
  model::PerModule<std::vector<at::Tensor>> stacks;
  for (std::size_t m = 0; m < model::kBlockModules; ++m) {
    if (model::of_expert(model::module_at(m))) continue;
    std::vector<at::Tensor>& stack = stacks[index(same_input(model::module_at(m))[0])];
    std::int64_t first = 0;
    for (const at::Tensor& a : stack) first += a.size(0);
    for (adapter::LowRank& l : ops_[m].low_rank) {
      const std::int64_t rank = l.a.size(0);
      expand_[m].push_back({first, rank, l.b.t().mul(l.scale).contiguous()});
      stack.push_back(std::move(l.a));
      first += rank;
    }
    ops_[m].low_rank.clear();
  }
  for (std::size_t m = 0; m < model::kBlockModules; ++m)
    if (!stacks[m].empty()) shrink_[m] = stacks[m].size() == 1 ? stacks[m][0] : at::cat(stacks[m]);
}

LayerOps::LayerOps(const adapter::Adapter& adapter, const model::Checkpoint& base, int layer, at::ScalarType dtype)
    : LayerOps(read(adapter, base, layer, dtype)) {
  prefix_ = adapter.prefix(layer, dtype);
  adapter_ = &adapter;
  layer_ = layer;
  dtype_ = dtype;
}

adapter::ModuleOps LayerOps::expert(Site site) const {
  if (full_ != nullptr) {
    adapter::ModuleOps own{.weight = full_->load(site, Param::kWeight, dtype_)};
    if (full_->spec().has_bias(site.module)) own.bias = full_->load(site, Param::kBias, dtype_);
    full_->release(site, Param::kWeight);
    return own;
  }
  return adapter_ != nullptr ? adapter_->ops(site, dtype_) : ops_[index(site.module)];
}

LinearTerms LayerOps::terms(Module module, std::int64_t rows, const at::Tensor& base_bias) const {
  if (full_ != nullptr) return {.rows = rows, .weight = weight(module), .bias = bias(module)};
  return terms_of(ops_[index(module)], rows, base_bias);
}

at::Tensor LayerOps::weight(Module module) const {
  return full_ != nullptr ? full_->load(Site{module, layer_}, Param::kWeight, dtype_) : ops_[index(module)].weight;
}

at::Tensor LayerOps::bias(Module module) const {
  if (full_ == nullptr) return ops_[index(module)].bias;
  return full_->spec().has_bias(module) ? full_->load(Site{module, layer_}, Param::kBias, dtype_) : at::Tensor();
}

}  // namespace deltascape::engine
