#include "adapter/effective_weight.h"

namespace deltascape::adapter {
namespace {

// input(x) = x M for rows x, so W' = W Mᵀ: each row of W goes through what reads x · Mᵀ.
InputChange transposed(const InputChange& input) {
  return {.scale = input.scale,
          .a = input.b,
          .b = input.a,
          .blocks = input.blocks.defined() ? input.blocks.transpose(1, 2) : at::Tensor()};
}

// Rows [first, first + count) of scale · ΔW.
at::Tensor product_rows(const Product& p, std::int64_t first, std::int64_t count) {
  if (p.kind == Product::Kind::kHadamard)
    return at::mm(p.left.narrow(0, first, count), p.right)
        .mul_(at::mm(p.left2.narrow(0, first, count), p.right2))
        .mul_(p.scale);
  const at::Tensor row = at::arange(first, first + count, at::kLong);
  const at::Tensor outer = p.left.index_select(0, row.div(p.right.size(0), "floor"));  // [count, in1]
  const at::Tensor inner = p.right.index_select(0, row.remainder(p.right.size(0)));    // [count, in2]
  return (outer.unsqueeze(2) * inner.unsqueeze(1)).reshape({count, -1}).mul_(p.scale);
}

void replace_rows(at::Tensor& rows, const RowChange& change, std::int64_t first) {
  const auto ids = change.ids.accessor<std::int64_t, 1>();
  for (std::int64_t i = 0; i < ids.size(0); ++i)
    if (ids[i] >= first && ids[i] < first + rows.size(0)) rows[ids[i] - first].copy_(change.rows[i]);
}

}  // namespace

at::Tensor effective_rows(const ModuleOps& ops, const at::Tensor& weight, std::int64_t first) {
  const std::int64_t count = weight.size(0);
  at::Tensor out = ops.input ? transposed(*ops.input).apply(weight) : weight.clone();
  if (ops.out_scale.defined()) out.mul_(ops.out_scale.narrow(0, first, count).unsqueeze(1));
  for (const LowRank& l : ops.low_rank) out.addmm_(l.b.narrow(0, first, count), l.a, 1, l.scale);
  for (const Product& p : ops.products) out.add_(product_rows(p, first, count));
  if (ops.rows.defined()) replace_rows(out, ops.rows, first);
  return out;
}

bool only_low_rank(const ModuleOps& ops) {
  return !ops.weight.defined() && !ops.out_scale.defined() && ops.products.empty() && !ops.input && !ops.rows.defined();
}

}  // namespace deltascape::adapter
