#include "engine/rounded_ops.h"

namespace deltascape::engine {

at::Tensor RoundedOps::linear(model::Module module, const at::Tensor& x) {
  const std::size_t m = model::index(module);
  const at::Tensor x16 = x.to(at::kBFloat16);
  std::vector<at::Tensor> parts;
  for (std::size_t v = 0; v < run_.variants.size(); ++v) {
    const LayerOps& ops = run_.variants[v];
    const at::Tensor rows = rows_of(x16, v);
    at::Tensor y = ops.replaces_weight(module) ? product(rows, ops.weight(module).to(at::kBFloat16))
                                               : run_.weights.linear16[m].apply(rows, {});
    const at::Tensor bias = ops.replaces_bias(module) ? ops.bias(module) : run_.weights.bias[m];
    y = y.to(at::kFloat);
    parts.push_back(bias.defined() ? y.add_(bias) : y);
  }
  at::Tensor y = parts.size() == 1 ? parts[0] : at::cat(parts);
  add_operators(module, x, y);
  return rounded(y);
}

}  // namespace deltascape::engine
