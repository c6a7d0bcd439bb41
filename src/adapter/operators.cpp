#include "adapter/operators.h"

namespace deltascape::adapter {

at::Tensor aten_linear(const at::Tensor& x, const at::Tensor& weight) { return at::linear(x, weight); }

at::Tensor Product::apply(const at::Tensor& x, Linear linear) const {
  if (kind == Kind::kHadamard) return linear(x, at::mm(left, right).mul_(at::mm(left2, right2))).mul_(scale);
  // (left ⊗ right) x for x as a matrix [in1, in2]: left · x · rightᵀ.
  const at::Tensor grid = x.reshape({x.size(0) * left.size(1), right.size(1)});
  const at::Tensor inner = linear(grid, right).view({x.size(0), left.size(1), right.size(0)});
  const at::Tensor turned = inner.transpose(1, 2).reshape({x.size(0) * right.size(0), left.size(1)});
  const at::Tensor y = linear(turned, left).view({x.size(0), right.size(0), left.size(0)});  // [rows, out2, out1]
  return y.transpose(1, 2).reshape({x.size(0), left.size(0) * right.size(0)}).mul_(scale);
}

at::Tensor InputChange::apply(const at::Tensor& x, Linear linear) const {
  if (scale.defined()) return x * scale;
  if (a.defined()) return at::addmm(x, linear(x, a), b);
  const at::Tensor runs = x.reshape({x.size(0), blocks.size(0), blocks.size(1)}).transpose(0, 1);
  return at::bmm(runs, blocks).transpose(0, 1).reshape(x.sizes());
}

}  // namespace deltascape::adapter
