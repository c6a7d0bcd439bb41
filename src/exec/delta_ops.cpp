#include "exec/delta_ops.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "exec/kernels.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

namespace {

constexpr std::int64_t kGrain = 65536;

kernels::bf16* data16(const at::Tensor& t) { return reinterpret_cast<kernels::bf16*>(t.data_ptr<at::BFloat16>()); }

// x − base in bfloat16, of the same shape; whether any value differs.
bool subtract(const at::Tensor& x, const at::Tensor& base, const at::Tensor& out) {
  const float *from = x.const_data_ptr<float>(), *twin = base.const_data_ptr<float>();
  kernels::bf16* to = data16(out);
  std::atomic<bool> any = false;
  at::parallel_for(0, x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    if (kernels::difference(from + begin, twin + begin, to + begin, end - begin)) any = true;
  });
  return any;
}

// x · Wᵀ for a weight that is used once; a row's result is the same on any number of threads.
at::Tensor times(const at::Tensor& x, const at::Tensor& weight) {
  return PackedWeight(weight, x.size(0), x.size(0)).apply(x, {});
}

// A module whose input is this norm's output, of those that the layer has.
Module reader_of(Module norm, const Record& base) {
  for (const Module m : {Module::kK, Module::kQkv, Module::kKvDown, Module::kMixerIn})
    if (norm == Module::kAttnNorm && base[model::index(m)].x.defined()) return m;
  for (const Module m : {Module::kGateUp, Module::kFc, Module::kRouter, Module::kSharedGateUp})
    if (norm == Module::kMlpNorm && base[model::index(m)].x.defined()) return m;
  return Module::kGate;
}

}  // namespace

DeltaOps::DeltaOps(const LayerRun& run, const Record& base) : PlainOps(run), base_(base) {
  for (std::size_t p = 0; p < run.layout.probes.size(); ++p) {
    const std::int64_t count = run.layout.length(static_cast<std::int64_t>(p)) - (run.exact.defined() ? 1 : 0);
    runs_.push_back({run.layout.starts[p], count, rounded_});
    rounded_ += count;
  }
  std::vector<std::int64_t> tokens;
  for (const Run& r : runs_)
    for (std::int64_t t = 0; t < r.count; ++t) tokens.push_back(r.first + t);
  rounded_tokens_ = at::tensor(tokens, at::kLong);
}

template <class Row>
void DeltaOps::make_difference(const at::Tensor& x, const Row& row) {
  const Timed timed(run_.breakdown, Work::kElementwise);
  const std::int64_t width = x.size(1), each = run_.layout.tokens;
  difference_.of = x;
  difference_.value = at::empty({variants() * rounded_, width}, x.options().dtype(at::kBFloat16));
  kernels::bf16* to = data16(difference_.value);
  std::atomic<bool> any = false;
  const auto probes = static_cast<std::int64_t>(runs_.size());
  at::parallel_for(0, variants() * probes, 1, [&](std::int64_t begin, std::int64_t end) {
    bool mine = false;
    std::vector<kernels::bf16> unused(static_cast<std::size_t>(width));  // the exact token's
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t v = i / probes;
      const Run& r = runs_[static_cast<std::size_t>(i % probes)];
      for (std::int64_t t = 0; t < r.count; ++t)
        mine |= row(v * each + r.first + t, r.first + t, to + (v * rounded_ + r.place + t) * width);
      if (run_.exact.defined()) mine |= row(v * each + r.first + r.count, r.first + r.count, unused.data());
    }
    if (mine) any = true;
  });
  difference_.any = any;
}

void DeltaOps::subtract_twin(const at::Tensor& x, const Twin& twin) {
  if (difference_.of.is_same(x)) return;
  const float *from = x.const_data_ptr<float>(), *base = twin.x.const_data_ptr<float>();
  const std::int64_t width = x.size(1);
  make_difference(x, [=](std::int64_t r, std::int64_t t, kernels::bf16* d) {
    return kernels::difference(from + r * width, base + t * width, d, width);
  });
}

at::Tensor DeltaOps::norm(Module module, const at::Tensor& x) {
  const bool read = (module == Module::kAttnNorm || module == Module::kMlpNorm) && run_.spec.pre_norms &&
                    run_.spec.norm == model::NormKind::kRms;
  const at::Tensor& twin = base_[model::index(reader_of(module, base_))].x;
  const bool own = std::ranges::any_of(run_.variants, [&](auto& v) { return v.replaces_weight(module); });
  if (!read || own || !has_twins(run_, twin, x)) return PlainOps::norm(module, x);
  at::Tensor out = at::empty_like(x);
  const float *from = x.const_data_ptr<float>(), *base = twin.const_data_ptr<float>();
  const float* by = run_.weights.norm[model::index(module)].const_data_ptr<float>();
  float* to = out.data_ptr<float>();
  const std::int64_t width = x.size(1);
  make_difference(out, [=, eps = run_.spec.norm_eps](std::int64_t r, std::int64_t t, kernels::bf16* d) {
    return kernels::rms_norm_difference(from + r * width, by, base + t * width, to + r * width, d, width, eps);
  });
  return out;
}

at::Tensor DeltaOps::gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) {
  const at::Tensor& twin = base_[model::index(Module::kDown)].x;
  if (activation != model::Activation::kSilu || !up.defined() || !has_twins(run_, twin, gate))
    return PlainOps::gate(activation, std::move(gate), up);
  float* g = gate.data_ptr<float>();
  const float *u = up.const_data_ptr<float>(), *base = twin.const_data_ptr<float>();
  const std::int64_t width = gate.size(1);
  make_difference(gate, [=](std::int64_t r, std::int64_t t, kernels::bf16* d) {
    return kernels::silu_gate_difference(g + r * width, u + r * width, base + t * width, d, width);
  });
  return gate;
}

at::Tensor DeltaOps::moved_from(Module module, const at::Tensor& x, const at::Tensor& moved) {
  const at::Tensor& twin = base_[model::index(module)].y;
  const std::int64_t out = twin.size(1), each = twin.size(0);
  const std::vector<at::Tensor>& terms = [&]() -> const auto& {
    const Timed timed(run_.breakdown, Work::kOperators);
    return shrunk(module, x);
  }
  ();
  const Timed timed(run_.breakdown, Work::kElementwise);
  at::Tensor y = at::empty({x.size(0), out}, x.options());
  const float* base = twin.const_data_ptr<float>();
  const kernels::bf16* moves = moved.defined() ? data16(moved) : nullptr;
  float* to = y.data_ptr<float>();
  const auto probes = static_cast<std::int64_t>(runs_.size());
  at::parallel_for(0, variants() * probes, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t v = i / probes;
      const Run& r = runs_[static_cast<std::size_t>(i % probes)];
      // Without a move all tokens count, the exact one too.
      const std::int64_t first = r.first, many = r.count + (moves == nullptr && run_.exact.defined() ? 1 : 0);
      const std::int64_t row = v * each + first;
      const kernels::bf16* move = moves != nullptr ? moves + (v * rounded_ + r.place) * out : nullptr;
      const float* from = base + first * out;
      const auto& expands = run_.variants[static_cast<std::size_t>(v)].expand(module);
      if (expands.empty()) kernels::add_moved(from, move, nullptr, 0, nullptr, 0, to + row * out, many, out);
      for (const Expand& e : expands) {  // the second and further ones add to what is there
        const at::Tensor& s = terms[static_cast<std::size_t>(v)];
        kernels::add_moved(from, move, s.const_data_ptr<float>() + first * s.size(1) + e.first, s.size(1),
                           e.b.const_data_ptr<float>(), e.rank, to + row * out, many, out);
        from = to + row * out;
        move = nullptr;
      }
    }
  });
  return y;
}

void DeltaOps::make_exact(Module module, const at::Tensor& x, const at::Tensor& y) {
  const std::size_t m = model::index(module);
  const auto by_variant = [&](const at::Tensor& t) { return t.view({variants(), -1, t.size(1)}); };
  at::Tensor exact;
  {
    const Timed timed(run_.breakdown, Work::kGemm);
    const at::Tensor rows = by_variant(x).index_select(1, run_.exact).view({-1, x.size(1)});
    exact = run_.weights.linear[m].apply(rows, run_.weights.bias[m]);  // [variants · probes, out]
  }
  const Timed timed(run_.breakdown, Work::kOperators);
  const std::int64_t out = y.size(1), probes = run_.exact.size(0);
  const std::int64_t* token = run_.exact.const_data_ptr<std::int64_t>();
  for (std::size_t v = 0; v < run_.variants.size(); ++v) {
    float* to = rows_of(exact, v).data_ptr<float>();
    for (const Expand& e : run_.variants[v].expand(module)) {
      const at::Tensor& s = shrunk(module, x)[v];
      for (std::int64_t p = 0; p < probes; ++p)
        kernels::add_moved(to + p * out, nullptr, s.const_data_ptr<float>() + token[p] * s.size(1) + e.first, s.size(1),
                           e.b.const_data_ptr<float>(), e.rank, to + p * out, 1, out);
    }
  }
  by_variant(y).index_copy_(1, run_.exact, by_variant(exact));
}

at::Tensor DeltaOps::moved_by_own(const at::Tensor& own, Module module, const at::Tensor& d) const {
  const Twin& twin = base_[model::index(module)];
  const at::Tensor base = run_.base.load(Site{module, run_.layer}, Param::kWeight, at::kFloat);
  const at::Tensor change = at::empty(own.sizes(), own.options().dtype(at::kBFloat16));
  at::Tensor moved = at::zeros({twin.x.size(0), own.size(0)}, own.options());
  if (subtract(own, base, change)) moved.add_(times(twin.x.to(at::kBFloat16), change));
  if (difference_.any) moved.index_add_(0, rounded_tokens_, times(d, own.to(at::kBFloat16)).to(at::kFloat));
  return moved;
}

at::Tensor DeltaOps::moved_rows(Module module, const at::Tensor& x, const at::Tensor& own, const at::Tensor& bias,
                                std::size_t v) const {
  const std::size_t m = model::index(module);
  const at::Tensor y = base_[m].y.clone(), d = rows_of(difference_.value, v);
  if (own.defined()) y.add_(moved_by_own(own, module, d));
  else if (difference_.any) y.index_add_(0, rounded_tokens_, run_.weights.linear16[m].apply(d, {}).to(at::kFloat));
  if (!bias.defined() && run_.weights.bias[m].defined()) y.sub_(run_.weights.bias[m]);
  if (!run_.exact.defined()) return y;
  const at::Tensor read = x.index_select(0, run_.exact);
  const PackedWeight& shared = run_.weights.linear[m];
  const at::Tensor exact =
      own.defined() ? PackedWeight(own, read.size(0), read.size(0)).apply(read, bias) : shared.apply(read, bias);
  return y.index_copy_(0, run_.exact, exact);
}

class DeltaOps::MovedSteps final : public PackedSteps {
 public:
  MovedSteps(DeltaOps& ops, Module module) : PackedSteps(ops, module), delta_(ops) {}
  void reads(const at::Tensor& x) override { delta_.subtract_twin(x, delta_.base_[model::index(module_)]); }
  bool one_by_one() const override { return true; }
  at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t v) override { return own(x, {}, bias, v); }
  at::Tensor own(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::size_t v) override {
    const Timed timed(breakdown, Work::kOperators);
    return delta_.moved_rows(module_, x, weight, bias, v);
  }

 private:
  DeltaOps& delta_;
};

at::Tensor DeltaOps::linear(Module module, const at::Tensor& x) {
  const std::size_t m = model::index(module);
  const Twin& twin = base_[m];
  const bool all_tapped = run_.tapped.defined() && x.size(0) == variants() * run_.tapped.size(0);
  if (all_tapped || !has_twins(run_, twin.x, x)) return PlainOps::linear(module, x);  // or rows the base did not run
  if (!std::ranges::all_of(run_.variants, [&](const LayerOps& v) { return v.only_low_rank(module); })) {
    MovedSteps steps(*this, module);
    return evaluated(steps, module, x);
  }
  subtract_twin(x, twin);
  at::Tensor moved;
  if (difference_.any) {
    const Timed timed(run_.breakdown, Work::kGemm);
    moved = run_.weights.linear16[m].apply(difference_.value, {}, rounded_);
  }
  at::Tensor y = moved_from(module, x, moved);
  if (run_.exact.defined() && difference_.any) make_exact(module, x, y);
  return y;
}

}  // namespace deltascape::engine
