#include "exec/device_ops.h"

#include <algorithm>

#include "exec/aten_math.h"
#include "exec/device_attention.h"

namespace deltascape::engine {

using model::Module;

at::Tensor DeviceOps::moved_linear(Module module, const at::Tensor& x) const {
  const std::size_t m = model::index(module);
  const Twin& twin = (*twins_)[m];
  const at::Tensor difference = by_variant(x) - twin.x;  // [variants, tokens, in]
  const at::Tensor moved = run_.weights.linear16[m].apply(difference.flatten(0, 1).to(at::kBFloat16), {});
  const at::Tensor y = by_variant(moved).to(x.scalar_type()) + twin.y;
  if (run_.exact.defined()) {
    const at::Tensor read = difference.index_select(1, run_.exact).flatten(0, 1);
    const at::Tensor exact = by_variant(run_.weights.linear[m].apply(read, {})) + twin.y.index_select(0, run_.exact);
    y.index_copy_(1, run_.exact, exact);
  }
  return y.flatten(0, 1);
}

class DeviceOps::StackedSteps final : public LinearSteps {
 public:
  StackedSteps(const DeviceOps& ops, Module module, bool moves)
      : LinearSteps(adapter::aten_linear), ops_(ops), module_(module), moves_(moves) {}
  at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t) override {
    return moves_ ? ops_.moved_linear(module_, x) : ops_.run_.weights.linear[model::index(module_)].apply(x, bias);
  }
  at::Tensor add_low_rank(at::Tensor y, const at::Tensor& x, std::span<const LinearTerms>) override {
    ops_.add_low_rank(module_, x, y);
    return y;
  }

 private:
  const DeviceOps& ops_;
  Module module_;
  bool moves_;
};

void DeviceOps::add_low_rank(Module module, const at::Tensor& x, const at::Tensor& y) const {
  std::int64_t rank = 0;  // the most of any variant
  for (const LayerOps& v : run_.variants) {
    std::int64_t own = 0;
    for (const Expand& e : v.expand(module)) own += e.rank;
    rank = std::max(rank, own);
  }
  if (rank == 0) return;
  const at::TensorOptions host(x.scalar_type());
  const at::Tensor shrink = at::zeros({variants(), rank, x.size(1)}, host);
  const at::Tensor expand = at::zeros({variants(), rank, y.size(1)}, host);
  for (std::size_t v = 0; v < run_.variants.size(); ++v) {
    const auto place = static_cast<std::int64_t>(v);
    std::int64_t first = 0;
    for (const Expand& e : run_.variants[v].expand(module)) {
      shrink[place].narrow(0, first, e.rank).copy_(run_.variants[v].shrink(module).narrow(0, e.first, e.rank));
      expand[place].narrow(0, first, e.rank).copy_(e.b);
      first += e.rank;
    }
  }
  const at::Tensor inner = at::bmm(by_variant(x), shrink.to(x.device()).transpose(1, 2));
  by_variant(y).baddbmm_(inner, expand.to(x.device()));
}

at::Tensor DeviceOps::linear(Module module, const at::Tensor& x) {
  const std::size_t m = model::index(module);
  const at::Tensor& bias = run_.weights.bias[m];
  const std::vector<LinearTerms> terms = terms_of(run_, module, x.size(0));
  // A variant that changes the base's part runs in full precision, and with it its chunk.
  const bool moves = twins_ != nullptr && has_twins(run_, (*twins_)[m].x, x) &&
                     std::ranges::all_of(terms, [&](const LinearTerms& t) { return t.keeps_base(bias); });
  StackedSteps steps(*this, module, moves);
  const at::Tensor y = evaluate(steps, terms, x, bias);
  if (record_ != nullptr) (*record_)[m] = {x, y};
  return y;
}

at::Tensor DeviceOps::norm(Module module, const at::Tensor& x) { return norm_by_variant(run_, module, x, normalised); }

at::Tensor DeviceOps::attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                const at::Tensor& v) {
  AttentionRows rows{by_variant(q), by_variant(k), by_variant(v), 0, nullptr, {}};
  if (const auto& prefix = run_.variants[0].prefix()) rows.prefix = &*prefix;
  if (layer.sinks) rows.sinks = parameter(Module::kSinks, model::Param::kWeight);
  return (*run_.on_device)(layer, rows).flatten(0, 1);
}

at::Tensor DeviceOps::positions() {
  return needed_positions(run_, run_.weights.norm[index(Module::kAttnNorm)].device());
}

at::Tensor DeviceOps::needed(const at::Tensor& x) {
  return run_.tapped.defined() ? by_variant(x).index_select(1, run_.tapped).flatten(0, 1) : x;
}

at::Tensor DeviceOps::gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) {
  return gated(activation, gate, up);
}

at::Tensor DeviceOps::experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) {
  return run_experts(run_, *this, x, routing, mlp);
}

}  // namespace deltascape::engine
