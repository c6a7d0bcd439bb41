// Owns the order of operations in a block (see block.h).
#include "model/block.h"

namespace deltascape::model {
at::Tensor run_block(const ModelSpec& spec, int layer, BlockOps& ops, at::Tensor x) {
  const Architecture& a = *spec.architecture;
  const LayerSpec& l = spec.layers[static_cast<std::size_t>(layer)];

  const at::Tensor h = ops.norm(Module::kAttnNorm, x);
  at::Tensor k = ops.linear(Module::kK, h);
  const at::Tensor v = ops.linear(Module::kV, h);
  at::Tensor q = ops.linear(Module::kQ, ops.needed(h));
  x = ops.needed(x);
  if (a.qk_norm) {
    q = ops.norm(Module::kQNorm, q);
    k = ops.norm(Module::kKNorm, k);
  }
  at::Tensor y = ops.linear(Module::kO, ops.attention(l, q, k, v));
  if (a.post_norms) y = ops.norm(Module::kAttnPostNorm, y);
  x = ops.add(std::move(x), y);

  const at::Tensor m = ops.norm(Module::kMlpNorm, x);
  at::Tensor gated = ops.gate(spec.activation, ops.linear(Module::kGate, m), ops.linear(Module::kUp, m));
  y = ops.linear(Module::kDown, gated);
  if (a.post_norms) y = ops.norm(Module::kMlpPostNorm, y);
  return ops.add(std::move(x), y);
}

}  // namespace deltascape::model
