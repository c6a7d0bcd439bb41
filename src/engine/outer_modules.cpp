#include "engine/outer_modules.h"

#include "engine/plain_ops.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

at::Tensor OuterLinear::apply(const at::Tensor& x) const {
  if (!weight.defined()) return x;
  at::Tensor y = product(ops.input ? ops.input->apply(x, product) : x, ops.weight.defined() ? ops.weight : weight);
  if (ops.out_scale.defined()) y.mul_(ops.out_scale);
  if (const at::Tensor& added = ops.bias.defined() ? ops.bias : bias; added.defined()) y.add_(added);
  for (const adapter::LowRank& l : ops.low_rank) y.add_(product(product(x, l.a), l.b), l.scale);
  for (const adapter::Product& p : ops.products) y.add_(p.apply(x, product));
  return y;
}

OuterLinear loaded_linear(const model::Checkpoint& model, Module module, at::ScalarType dtype) {
  const Site site{module};
  if (!model.spec().has(site)) return {};
  OuterLinear out{.weight = model.load(site, Param::kWeight, dtype)};
  if (model.spec().has_bias(module)) out.bias = model.load(site, Param::kBias, dtype);
  return out;
}

at::Tensor Ending::apply(const model::ModelSpec& spec, const at::Tensor& x) const {
  return projection.apply(spec.final_norm ? normed(spec, Module::kFinalNorm, x, norm) : x);
}

Ending loaded_ending(const model::Checkpoint& model, at::ScalarType dtype) {
  return {loaded_norm(model, {Module::kFinalNorm}, dtype), loaded_linear(model, Module::kProjectOut, dtype)};
}

}  // namespace deltascape::engine
