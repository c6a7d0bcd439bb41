#include "exec/outer_modules.h"

#include "exec/plain_ops.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

at::Tensor OuterLinear::apply(const at::Tensor& x) const {
  if (!weight.defined()) return x;
  struct Steps final : LinearSteps {
    explicit Steps(const at::Tensor& weight) : weight(weight) {}
    at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t) override {
      return own(x, weight, bias, 0);
    }
    const at::Tensor& weight;
  } steps(weight);
  const LinearTerms terms[] = {terms_of(ops, x.size(0), bias)};
  return evaluate(steps, terms, x, bias);
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
