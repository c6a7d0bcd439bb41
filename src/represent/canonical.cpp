#include "represent/canonical.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/Generator.h>

#include <algorithm>
#include <limits>

#include "model/thread_count.h"
#include "represent/weight_products.h"

namespace deltascape::represent {
namespace {

constexpr std::int64_t kExactSide = 256;
constexpr int kBlocks = 6;          // of the Krylov space
constexpr std::int64_t kExtra = 8;  // directions of a block beside those that are asked for

WeightDelta scaled_directions(const at::Tensor& u, const at::Tensor& sizes, const at::Tensor& v, std::int64_t rank,
                              double rounding) {
  WeightDelta out;
  const auto values = sizes.accessor<double, 1>();
  std::int64_t kept = 0;
  while (kept < std::min(rank, values.size(0)) && values[kept] > values[0] * rounding) ++kept;
  if (kept == 0) return out;
  const at::Tensor root = sizes.narrow(0, 0, kept).sqrt();
  out.left = (u.narrow(1, 0, kept) * root).contiguous();
  out.right = (v.narrow(1, 0, kept) * root).contiguous();
  return out;
}

// U Σ Vᵀ of left · core · rightᵀ for left and right with orthonormal columns.
WeightDelta between(const at::Tensor& left, const at::Tensor& core, const at::Tensor& right, std::int64_t rank,
                    double rounding) {
  const auto [u, sizes, vt] = at::linalg_svd(core, false);
  return scaled_directions(at::mm(left, u), sizes, at::mm(right, vt.t()), rank, rounding);
}

at::Tensor orthonormal(const at::Tensor& x) { return std::get<0>(at::linalg_qr(x.to(at::kDouble))); }

// ΔW as a matrix of float32, [rows, columns].
at::Tensor formed(const WeightDelta& delta, std::int64_t rows, std::int64_t columns) {
  const std::int64_t step = std::max<std::int64_t>(1, (std::int64_t{1} << 23) / columns);
  at::Tensor out = at::empty({rows, columns}, at::kFloat);
  for (std::int64_t first = 0; first < rows; first += step) {
    const std::int64_t count = std::min(step, rows - first);
    out.narrow(0, first, count).copy_(delta.rows(first, count));
  }
  return out;
}

// From a start that is always the same: K = [D X, D Dᵀ D X, …], and the directions of D within its span.
WeightDelta by_krylov(const at::Tensor& d, std::int64_t rank) {
  const std::int64_t side = std::min(d.size(0), d.size(1)), width = std::min(rank + kExtra, side);
  const at::Tensor start =
      at::randn({d.size(1), width}, at::make_generator<at::CPUGeneratorImpl>(1), at::TensorOptions(at::kFloat));
  std::vector<at::Tensor> blocks = {orthonormal(at::mm(d, start))};
  while (static_cast<std::int64_t>(blocks.size()) < kBlocks &&
         (static_cast<std::int64_t>(blocks.size()) + 1) * width <= side)
    blocks.push_back(orthonormal(at::mm(d, at::mm(d.t(), blocks.back().to(at::kFloat)))));
  const at::Tensor basis = orthonormal(at::cat(blocks, 1));                     // [rows, directions]
  const at::Tensor seen = at::mm(d.t(), basis.to(at::kFloat)).to(at::kDouble);  // [columns, directions]
  const auto [right, core] = at::linalg_qr(seen);
  return between(basis, core.t(), right, rank, std::numeric_limits<float>::epsilon());
}

class Canonical : public WeightReading {
 public:
  using WeightReading::WeightReading;

  Products measure(std::span<const Member> members, std::size_t fresh, Progress& progress) override {
    WeightDeltas deltas(*base_.model, members);
    const std::int64_t rank = std::stoll(parameters_.at("rank"));
    const auto part = [&](std::size_t member, const CountedTensor& tensor) {
      return leading_directions(deltas.of(member, tensor), tensor.rows, tensor.columns, rank);
    };
    return sum_products(tensors(), part, members.size(), fresh, Pairing::kSubspaces, weights_memory(base_), progress);
  }
};

}  // namespace

WeightDelta leading_directions(const WeightDelta& delta, std::int64_t rows, std::int64_t columns, std::int64_t rank) {
  if (delta.none()) return {};
  const model::ThreadCount one(1);  // LAPACK's results depend on how many share the work
  const double rounding = static_cast<double>(std::max(rows, columns)) * std::numeric_limits<double>::epsilon();
  if (delta.left.defined()) {
    const auto [left, left_core] = at::linalg_qr(delta.left);
    const auto [right, right_core] = at::linalg_qr(delta.right);
    return between(left, at::mm(left_core, right_core.t()), right, rank, rounding);
  }
  if (std::min(rows, columns) > kExactSide) return by_krylov(formed(delta, rows, columns), rank);
  const auto [u, sizes, vt] = at::linalg_svd(delta.rows(0, rows), false);
  return scaled_directions(u, sizes, vt.t(), rank, rounding);
}

std::string canonical_rank(const std::string& value) { return whole_number("rank", value, 4096); }

std::unique_ptr<ProductReading> canonical(const Base& base, const Parameters& parameters) {
  return std::make_unique<Canonical>(base, "canonical", parameters);
}

}  // namespace deltascape::represent
