#include "adapter/operators.h"

namespace deltascape::adapter {

at::Tensor Product::apply(const at::Tensor& x) const {
  if (kind == Kind::kHadamard) return at::linear(x, at::mm(left, right).mul_(at::mm(left2, right2))).mul_(scale);
  // (left ⊗ right) x for x as a matrix [in1, in2]: left · x · rightᵀ.
  const at::Tensor grid = x.reshape({x.size(0) * left.size(1), right.size(1)});
  const at::Tensor inner = at::linear(grid, right).view({x.size(0), left.size(1), right.size(0)});
  const at::Tensor y = at::linear(inner.transpose(1, 2), left).transpose(1, 2);  // [rows, out1, out2]
  return y.reshape({x.size(0), left.size(0) * right.size(0)}).mul_(scale);
}

at::Tensor InputChange::apply(const at::Tensor& x) const {
  if (scale.defined()) return x * scale;
  if (a.defined()) return at::addmm(x, at::linear(x, a), b);
  const at::Tensor runs = x.reshape({x.size(0), blocks.size(0), blocks.size(1)}).transpose(0, 1);
  return at::bmm(runs, blocks).transpose(0, 1).reshape(x.sizes());
}

}  // namespace deltascape::adapter
