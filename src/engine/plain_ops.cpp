#include "engine/plain_ops.h"

#include <ATen/Parallel.h>

#include "engine/kernels.h"

namespace deltascape::engine {

using adapter::LowRank;
using adapter::ModuleOps;
using model::Module;
using model::Param;
using model::Site;

namespace {

// The modules that read the same input as `module`.
std::span<const Module> siblings(Module module) {
  static constexpr Module kAttention[] = {Module::kQ, Module::kK, Module::kV}, kMlp[] = {Module::kGate, Module::kUp};
  static constexpr Module kAlone[] = {Module::kO, Module::kDown};
  switch (module) {
    case Module::kQ:
    case Module::kK:
    case Module::kV: return kAttention;
    case Module::kGate:
    case Module::kUp: return kMlp;
    default: return std::span(kAlone).subspan(module == Module::kO ? 0 : 1, 1);
  }
}

}  // namespace

at::Tensor norm_weight(const model::ModelSpec& spec, at::Tensor stored) {
  return spec.architecture->norm_plus_one ? stored.add(1) : stored;
}

LayerWeights load_layer(const model::Checkpoint& c, int layer, at::ScalarType dtype, std::int64_t rows) {
  LayerWeights out;
  const model::ModelSpec& spec = c.spec();
  for (std::size_t m = 0; m < model::kBlockModules; ++m) {
    const Module module = model::module_at(m);
    if (!spec.has(module)) continue;
    at::Tensor weight = c.load(Site{module, layer}, Param::kWeight, dtype);
    if (weight.dim() == 1) out.norm[m] = norm_weight(spec, std::move(weight));
    else out.linear[m] = PackedWeight(std::move(weight), rows);
    if (spec.has_bias(module)) out.bias[m] = c.load(Site{module, layer}, Param::kBias, dtype);
  }
  return out;
}

at::Tensor PlainOps::linear(Module module, const at::Tensor& x) {
  const std::size_t m = model::index(module);
  const std::int64_t variants = x.size(0), tokens = x.size(1);
  bool own_weight = false, own_bias = false;
  for (const LayerOps& v : variants_) {
    own_weight |= v[m].weight.defined();
    own_bias |= v[m].bias.defined();
  }
  const at::Tensor shared_bias = own_bias ? at::Tensor() : weights_.bias[m];
  const auto rows = [](const at::Tensor& t) { return t.reshape({-1, t.size(-1)}); };
  at::Tensor y;  // [variants, tokens, out]
  if (!own_weight) {
    y = weights_.linear[m].apply(rows(x), shared_bias).view({variants, tokens, -1});
  } else {
    std::vector<at::Tensor> parts;
    for (std::int64_t v = 0; v < variants; ++v) {
      const at::Tensor& own = variants_[static_cast<std::size_t>(v)][m].weight;
      parts.push_back(own.defined() ? PackedWeight(own, tokens).apply(rows(x[v]), shared_bias)
                                    : weights_.linear[m].apply(rows(x[v]), shared_bias));
    }
    y = at::stack(parts);
  }
  for (std::int64_t v = 0; v < variants; ++v) {
    const ModuleOps& ops = variants_[static_cast<std::size_t>(v)][m];
    if (own_bias) {
      const at::Tensor& bias = ops.bias.defined() ? ops.bias : weights_.bias[m];
      if (bias.defined()) y[v].add_(bias);
    }
    if (!ops.low_rank.empty()) add_low_rank(static_cast<std::size_t>(v), module, x, y[v]);
  }
  return y;
}

void PlainOps::add_low_rank(std::size_t variant, Module module, const at::Tensor& x, at::Tensor y) {
  if (!shrunk_input_.is_same(x)) {
    shrunk_.assign(variants_.size(), {});
    shrunk_input_ = x;
  }
  const LayerOps& ops = variants_[variant];
  at::Tensor& shrunk = shrunk_[variant];
  if (!shrunk.defined()) {
    std::vector<at::Tensor> stacked;
    for (const Module m : siblings(module))
      for (const LowRank& l : ops[model::index(m)].low_rank) stacked.push_back(l.a);
    shrunk = product(x[static_cast<std::int64_t>(variant)], stacked.size() == 1 ? stacked[0] : at::cat(stacked));
  }
  std::int64_t first = 0;
  for (const Module m : siblings(module))
    for (const LowRank& l : ops[model::index(m)].low_rank) {
      const std::int64_t rank = l.a.size(0);
      if (m == module) y.addmm_(shrunk.narrow(1, first, rank), l.b.t(), 1, l.scale);
      first += rank;
    }
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor rows = x.contiguous(), w = weight.contiguous();
  at::Tensor out = at::empty_like(rows);
  const std::int64_t width = x.size(-1), count = x.numel() / width;
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

at::Tensor PlainOps::norm(Module module, const at::Tensor& x) {
  const std::size_t m = model::index(module);
  bool own = false;
  for (const LayerOps& v : variants_) own |= v[m].weight.defined();
  if (!own) return rms_norm(x, weights_.norm[m], spec_.norm_eps);
  std::vector<at::Tensor> parts;
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    const at::Tensor& weight = variants_[static_cast<std::size_t>(i)][m].weight;
    parts.push_back(rms_norm(x[i], weight.defined() ? norm_weight(spec_, weight) : weights_.norm[m], spec_.norm_eps));
  }
  return at::stack(parts);
}

at::Tensor PlainOps::attention(const model::LayerSpec& layer, at::Tensor q, at::Tensor k, const at::Tensor& v) {
  return attention_(layer, q, k, v);
}

at::Tensor PlainOps::gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) {
  switch (activation) {
    case model::Activation::kSilu: at::silu_(gate); break;
    case model::Activation::kGelu: at::gelu_(gate, "none"); break;
    case model::Activation::kGeluTanh: at::gelu_(gate, "tanh"); break;
    case model::Activation::kRelu: at::relu_(gate); break;
  }
  return gate.mul_(up);
}

}  // namespace deltascape::engine
