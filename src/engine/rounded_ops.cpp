#include "engine/rounded_ops.h"

namespace deltascape::engine {

at::Tensor RoundedOps::linear(model::Module module, const at::Tensor& x) {
  const std::size_t m = model::index(module);
  const at::Tensor x16 = input_of(module, x).to(at::kBFloat16);
  std::vector<at::Tensor> parts;
  for (std::size_t v = 0; v < run_.variants.size(); ++v) {
    const LayerOps& ops = run_.variants[v];
    const at::Tensor rows = rows_of(x16, v);
    const PackedWeight own = ops.replaces_weight(module)
                                 ? PackedWeight(ops.weight(module).to(at::kBFloat16), rows.size(0), rows.size(0))
                                 : PackedWeight();
    at::Tensor y = (own.defined() ? own : run_.weights.linear16[m]).apply(rows, {}).to(at::kFloat);
    scale_and_bias(module, y, v);
    parts.push_back(y);
  }
  at::Tensor y = parts.size() == 1 ? parts[0] : at::cat(parts);
  add_operators(module, x, y);
  return rounded(y);
}

}  // namespace deltascape::engine
