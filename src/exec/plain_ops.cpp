#include "exec/plain_ops.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "exec/aten_math.h"
#include "exec/kernels.h"

namespace deltascape::engine {

using model::Module;

namespace {
constexpr std::int64_t kBlock = 32;  // rows that low-rank terms are added to at once
}

bool has_twins(const LayerRun& run, const at::Tensor& twin, const at::Tensor& x) {
  return twin.defined() && twin.size(0) == run.layout.tokens &&
         x.size(0) == static_cast<std::int64_t>(run.variants.size()) * twin.size(0) && x.size(1) == twin.size(1);
}

std::vector<LinearTerms> terms_of(const LayerRun& run, Module module, std::int64_t rows) {
  std::vector<LinearTerms> out;
  for (const LayerOps& v : run.variants)
    out.push_back(v.terms(module, rows / std::ssize(run.variants), run.weights.bias[model::index(module)]));
  return out;
}

at::Tensor PlainOps::PackedSteps::base(const at::Tensor& x, const at::Tensor& bias, std::size_t) {
  const Timed timed(breakdown, Work::kGemm);
  return ops_.run_.weights.linear[model::index(module_)].apply(x, bias);
}

at::Tensor PlainOps::PackedSteps::add_low_rank(at::Tensor y, const at::Tensor& x, std::span<const LinearTerms>) {
  const Timed timed(breakdown, Work::kOperators);
  ops_.add_low_rank(module_, x, y);
  return y;
}

at::Tensor PlainOps::evaluated(LinearSteps& steps, Module module, const at::Tensor& x) const {
  return evaluate(steps, terms_of(run_, module, x.size(0)), x, run_.weights.bias[model::index(module)]);
}

at::Tensor PlainOps::linear(Module module, const at::Tensor& x) {
  PackedSteps steps(*this, module);
  const at::Tensor y = evaluated(steps, module, x);
  if (record_ != nullptr) (*record_)[model::index(module)] = {x, y};
  return y;
}

const std::vector<at::Tensor>& PlainOps::shrunk(Module module, const at::Tensor& x) {
  const auto has_terms = [&](const LayerOps& v) { return !v.expand(module).empty(); };
  const Module group = same_input(module)[0];
  const bool there = shrunk_input_.is_same(x) && shrunk_group_ == group;
  if (there || std::ranges::none_of(run_.variants, has_terms)) return shrunk_;
  shrunk_group_ = group;
  shrunk_.assign(run_.variants.size(), {});
  shrunk_input_ = x;
  at::parallel_for(0, variants(), 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode inference;  // a thread's own affair
    for (auto v = static_cast<std::size_t>(begin); v < static_cast<std::size_t>(end); ++v)
      if (const at::Tensor& a = run_.variants[v].shrink(module); a.defined()) shrunk_[v] = product(rows_of(x, v), a);
  });
  return shrunk_;
}

void PlainOps::add_low_rank(Module module, const at::Tensor& x, const at::Tensor& y) {
  const std::vector<at::Tensor>& terms = shrunk(module, x);
  const std::int64_t each = y.size(0) / variants(), out = y.size(1), blocks = (each + kBlock - 1) / kBlock;
  at::parallel_for(0, variants() * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto v = static_cast<std::size_t>(i / blocks);
      const std::int64_t first = i % blocks * kBlock, many = std::min(kBlock, each - first);
      const std::int64_t to = (i / blocks * each + first) * out;
      for (const Expand& e : run_.variants[v].expand(module)) {
        const std::int64_t stride = terms[v].size(1), at = first * stride + e.first;
        if (y.scalar_type() == at::kDouble) {
          kernels::add_low_rank(terms[v].const_data_ptr<double>() + at, stride, e.b.const_data_ptr<double>(), e.rank,
                                y.data_ptr<double>() + to, many, out);
        } else {
          float* rows = y.data_ptr<float>() + to;
          kernels::add_moved(rows, nullptr, terms[v].const_data_ptr<float>() + at, stride, e.b.const_data_ptr<float>(),
                             e.rank, rows, many, out);
        }
      }
    }
  });
}

namespace {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor rows = x.contiguous(), w = weight.contiguous();
  at::Tensor out = at::empty_like(rows);
  const std::int64_t width = w.size(0), count = x.numel() / width;
  const auto fill = [&](auto* to, const auto* from, const auto* by) {
    at::parallel_for(0, count, 1 + 16384 / width, [&](std::int64_t begin, std::int64_t end) {
      kernels::rms_norm(from + begin * width, by, to + begin * width, end - begin, width, eps);
    });
  };
  if (x.scalar_type() == at::kDouble)
    fill(out.data_ptr<double>(), rows.const_data_ptr<double>(), w.const_data_ptr<double>());
  else fill(out.data_ptr<float>(), rows.const_data_ptr<float>(), w.const_data_ptr<float>());
  return out;
}

}  // namespace

at::Tensor normed(const model::ModelSpec& spec, Module module, const at::Tensor& x, const Norm& norm) {
  if (spec.norm == model::NormKind::kRms) return rms_norm(x, norm.weight, spec.eps(module));
  return normalised(spec, module, x, norm);
}

at::Tensor norm_by_variant(const LayerRun& run, Module module, const at::Tensor& x, NormStep step) {
  const Norm shared{run.weights.norm[model::index(module)], run.weights.bias[model::index(module)]};
  const auto brings_own = [&](const LayerOps& v) { return v.replaces_weight(module) || v.replaces_bias(module); };
  if (!shared.weight.defined() || std::ranges::none_of(run.variants, brings_own))
    return step(run.spec, module, x, shared);
  const auto here = [&](const at::Tensor& t) { return t.defined() ? t.to(x.device()) : t; };
  const std::vector<at::Tensor> rows = x.view({std::ssize(run.variants), -1, x.size(1)}).unbind(0);
  std::vector<at::Tensor> parts;
  for (std::size_t v = 0; v < rows.size(); ++v) {
    const LayerOps& ops = run.variants[v];
    const Norm own = replaced(run.spec, shared, here(ops.weight(module)), here(ops.bias(module)));
    parts.push_back(step(run.spec, module, rows[v], own));
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

at::Tensor parameter_by_variant(const LayerRun& run, Module module, model::Param param) {
  const bool bias = param == model::Param::kBias;
  const at::Tensor& shared = (bias ? run.weights.bias : run.weights.norm)[model::index(module)];
  const auto brings_own = [&](const LayerOps& v) { return bias ? v.replaces_bias(module) : v.replaces_weight(module); };
  if (std::ranges::none_of(run.variants, brings_own)) return shared.unsqueeze(0);
  std::vector<at::Tensor> each;
  for (const LayerOps& v : run.variants) {
    const at::Tensor own = bias ? v.bias(module) : v.weight(module);
    each.push_back(own.defined() ? own.to(shared.device()) : shared);
  }
  return at::stack(each);
}

// One sequence is one thread's: what it gives does not depend on its company.
at::Tensor by_sequence(const LayerRun& run, const at::Tensor& x, const model::SequenceStep& step) {
  const auto variants = std::ssize(run.variants), probes = std::ssize(run.layout.probes);
  std::vector<at::Tensor> out(static_cast<std::size_t>(variants * probes));
  const auto one = [&](std::int64_t i) {
    const std::int64_t variant = i / probes, probe = i % probes;
    const std::int64_t first = variant * run.layout.tokens + run.layout.starts[static_cast<std::size_t>(probe)];
    model::RecurrentState state;
    out[static_cast<std::size_t>(i)] = step(variant, x.narrow(0, first, run.layout.length(probe)), state);
  };
  if (!x.is_cpu()) {
    for (std::int64_t i = 0; i < variants * probes; ++i) one(i);
    return at::cat(out);
  }
  at::parallel_for(0, variants * probes, 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode inference;  // a thread's own affair
    for (std::int64_t i = begin; i < end; ++i) one(i);
  });
  return at::cat(out);
}

at::Tensor needed_positions(const LayerRun& run, const at::Device& device) {
  std::vector<at::Tensor> each;
  for (std::int64_t p = 0; p < std::ssize(run.layout.probes); ++p)
    each.push_back(at::arange(run.layout.length(p), at::kLong) + run.layout.before.keys);
  at::Tensor one = at::cat(each).to(device);
  if (run.tapped.defined()) one = one.index_select(0, run.tapped);
  return one.unsqueeze(0).expand({std::ssize(run.variants), -1}).reshape({-1});
}

at::Tensor PlainOps::parameter(Module module, model::Param param) { return parameter_by_variant(run_, module, param); }

at::Tensor PlainOps::sequences(const at::Tensor& x, const model::SequenceStep& step) {
  const Timed timed(run_.breakdown, Work::kAttention);
  return by_sequence(run_, x, step);
}

at::Tensor PlainOps::positions() { return needed_positions(run_, at::kCPU); }

at::Tensor PlainOps::norm(Module module, const at::Tensor& x) {
  const Timed timed(run_.breakdown, Work::kElementwise);
  return norm_by_variant(run_, module, x, normed);
}

AttentionRows PlainOps::attention_rows(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const {
  const auto by_variant = [&](const at::Tensor& x) { return x.view({variants(), -1, x.size(1)}); };
  return {by_variant(q), by_variant(k), by_variant(v), run_.first, nullptr, {}};
}

at::Tensor PlainOps::attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v) {
  const Timed timed(run_.breakdown, Work::kAttention);
  AttentionRows rows = attention_rows(q, k, v);
  // A variant with a prefix runs in a stream of its own.
  if (const auto& prefix = run_.variants[0].prefix()) rows.prefix = &*prefix;
  if (layer.sinks) rows.sinks = parameter(Module::kSinks, model::Param::kWeight);
  return run_.attention(layer, rows).view({q.size(0), -1});
}

at::Tensor PlainOps::cross_attention(const model::LayerSpec&, const at::Tensor& q, const at::Tensor& k,
                                     const at::Tensor& v) {
  const Timed timed(run_.breakdown, Work::kAttention);
  return run_.cross->cross(attention_rows(q, k, v)).view({q.size(0), -1});
}

at::Tensor PlainOps::needed(const at::Tensor& x) {
  if (!run_.tapped.defined()) return x;
  const Timed timed(run_.breakdown, Work::kElementwise);
  return x.view({variants(), -1, x.size(1)}).index_select(1, run_.tapped).view({-1, x.size(1)});
}

at::Tensor PlainOps::gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) {
  const Timed timed(run_.breakdown, Work::kElementwise);
  if (record_ != nullptr) gate = gate.clone();  // what was recorded stays
  switch (activation) {
    case model::Activation::kSilu:
      if (gate.scalar_type() == at::kFloat && up.defined()) {
        float* g = gate.data_ptr<float>();
        const float* u = up.const_data_ptr<float>();
        at::parallel_for(0, gate.numel(), 32768, [&](std::int64_t begin, std::int64_t end) {
          kernels::silu_gate(g + begin, u + begin, end - begin);
        });
        return gate;
      }
      at::silu_(gate);
      break;
    case model::Activation::kGelu: at::gelu_(gate, "none"); break;
    case model::Activation::kGeluTanh: at::gelu_(gate, "tanh"); break;
    case model::Activation::kRelu: at::relu_(gate); break;
    case model::Activation::kReluSquared: at::relu_(gate).square_(); break;
  }
  return up.defined() ? gate.mul_(up) : gate;
}

at::Tensor PlainOps::add(at::Tensor residual, const at::Tensor& y) {
  const Timed timed(run_.breakdown, Work::kElementwise);
  return residual.add_(y);
}

}  // namespace deltascape::engine
