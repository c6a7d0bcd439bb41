#include "engine/delta_ops.h"

#include <ATen/Parallel.h>

#include <atomic>

#include "engine/kernels.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

namespace {

constexpr std::int64_t kGrain = 65536;

kernels::bf16* data16(const at::Tensor& t) { return reinterpret_cast<kernels::bf16*>(t.data_ptr<at::BFloat16>()); }

// x − twin in bfloat16, the twin's values repeating; whether any value differs.
bool subtract(const at::Tensor& x, const at::Tensor& twin, const at::Tensor& out) {
  const float* from = x.const_data_ptr<float>();
  const float* base = twin.const_data_ptr<float>();
  const std::int64_t width = x.size(1), each = twin.size(0);
  std::atomic<bool> differs = false;
  at::parallel_for(0, x.size(0), 1 + kGrain / width, [&](std::int64_t begin, std::int64_t end) {
    bool any = false;
    for (std::int64_t r = begin; r < end; ++r)
      any |= kernels::difference(from + r * width, base + r % each * width, data16(out) + r * width, width);
    if (any) differs = true;
  });
  return differs;
}

// y = twin (repeating) + moved.
void add_twin(const at::Tensor& twin, const at::Tensor& moved, const at::Tensor& y) {
  const float* base = twin.const_data_ptr<float>();
  float* to = y.data_ptr<float>();
  const std::int64_t width = y.size(1), each = twin.size(0);
  at::parallel_for(0, y.size(0), 1 + kGrain / width, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      kernels::add_moved(base + r % each * width, data16(moved) + r * width, to + r * width, width);
  });
}

}  // namespace

const at::Tensor& DeltaOps::difference(const at::Tensor& x, const Twin& twin) {
  if (differing_.is_same(x)) return difference_;
  const Timed timed(run_.breakdown, Work::kElementwise);
  differing_ = x;
  difference_ = at::empty(x.sizes(), x.options().dtype(at::kBFloat16));
  differs_ = subtract(x, twin.x, difference_);
  return difference_;
}

at::Tensor DeltaOps::moved_by_own(Module module, const LayerOps& ops, const at::Tensor& d, const Twin& twin) const {
  const at::Tensor own = ops.weight(module);
  const at::Tensor base = run_.base.load(Site{module, run_.layer}, Param::kWeight, at::kFloat);
  const at::Tensor change = at::empty(own.sizes(), own.options().dtype(at::kBFloat16));
  at::Tensor moved = at::zeros({twin.x.size(0), own.size(0)}, own.options());
  if (subtract(own, base, change)) moved.add_(product(twin.x.to(at::kBFloat16), change));
  if (differs_) moved.add_(product(d, own.to(at::kBFloat16)));
  return moved;
}

void DeltaOps::make_exact(Module module, const at::Tensor& x, const at::Tensor& y) const {
  const Timed timed(run_.breakdown, Work::kGemm);
  const std::size_t m = model::index(module);
  const auto by_variant = [&](const at::Tensor& t) { return t.view({variants(), -1, t.size(1)}); };
  const at::Tensor rows = by_variant(x).index_select(1, run_.exact);  // [variants, probes, in]
  bool own = false;
  for (const LayerOps& v : run_.variants) own |= v.replaces_weight(module);
  if (!own) {
    const at::Tensor exact = run_.weights.linear[m].apply(rows.view({-1, x.size(1)}), run_.weights.bias[m]);
    by_variant(y).index_copy_(1, run_.exact, by_variant(exact));
    return;
  }
  for (std::size_t v = 0; v < run_.variants.size(); ++v) {
    const LayerOps& ops = run_.variants[v];
    const at::Tensor one = rows[static_cast<std::int64_t>(v)];
    at::Tensor exact =
        ops.replaces_weight(module) ? product(one, ops.weight(module)) : run_.weights.linear[m].apply(one, {});
    if (const at::Tensor& bias = run_.weights.bias[m]; bias.defined()) exact.add_(bias);
    rows_of(y, v).index_copy_(0, run_.exact, exact);
  }
}

at::Tensor DeltaOps::linear(Module module, const at::Tensor& x) {
  const std::size_t m = model::index(module);
  const Twin& twin = base_[m];
  const bool all_tapped = run_.tapped.defined() && x.size(0) == variants() * run_.tapped.size(0);
  if (all_tapped || !twin.x.defined()) return PlainOps::linear(module, x);  // or rows the base did not run
  const at::Tensor d = difference(x, twin);
  bool own_weight = false;
  for (const LayerOps& v : run_.variants) own_weight |= v.replaces_weight(module);
  at::Tensor y = at::empty({x.size(0), twin.y.size(1)}, x.options());
  if (!own_weight && differs_) {
    at::Tensor moved;
    {
      const Timed timed(run_.breakdown, Work::kGemm);
      moved = run_.weights.linear16[m].apply(d, {});
    }
    const Timed timed(run_.breakdown, Work::kElementwise);
    add_twin(twin.y, moved, y);
  } else {
    const Timed timed(run_.breakdown, Work::kOperators);
    for (std::size_t v = 0; v < run_.variants.size(); ++v) {
      const LayerOps& ops = run_.variants[v];
      at::Tensor rows = rows_of(y, v).copy_(twin.y);
      if (ops.replaces_weight(module)) rows.add_(moved_by_own(module, ops, rows_of(d, v), twin));
      else if (differs_) rows.add_(run_.weights.linear16[m].apply(rows_of(d, v), {}));
    }
  }
  if (run_.exact.defined() && (differs_ || own_weight)) make_exact(module, x, y);
  for (std::size_t v = 0; v < run_.variants.size(); ++v) {
    const LayerOps& ops = run_.variants[v];
    if (!ops.replaces_bias(module)) continue;
    const at::Tensor own = ops.bias(module);
    const at::Tensor& bias = run_.weights.bias[m];
    if (own.defined()) rows_of(y, v).add_(bias.defined() ? own - bias : own);
    else if (bias.defined()) rows_of(y, v).sub_(bias);
  }
  add_operators(module, x, y);
  return y;
}

}  // namespace deltascape::engine
