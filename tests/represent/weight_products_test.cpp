// Sums over tensors on changes that are made up: what inner products of subspaces have to be, and that forms mix.
#include "represent/weight_products.h"

#include <gtest/gtest.h>

#include "represent/canonical.h"

namespace deltascape::represent {
namespace {

WeightDelta factored(const at::Tensor& left, const at::Tensor& right) {
  WeightDelta out;
  out.left = left;
  out.right = right;
  return out;
}

WeightDelta dense(const at::Tensor& values) {
  WeightDelta out;
  out.form = [values](std::int64_t first, std::int64_t count) { return values.narrow(0, first, count); };
  return out;
}

at::Tensor random(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }

// One tensor's products.
at::Tensor products(const std::vector<WeightDelta>& parts, std::int64_t rows, std::int64_t columns, Pairing pairing,
                    std::size_t memory = 1 << 20) {
  const CountedTensor tensor{{model::Module::kQ, 0}, model::Param::kWeight, rows, columns};
  return sum_products(
             std::span(&tensor, 1), [&](std::size_t m, const CountedTensor&) { return parts[m]; }, parts.size(),
             parts.size(), pairing, memory, silent_progress())
      .values;
}

at::Tensor subspaces(const std::vector<WeightDelta>& parts, std::int64_t rows, std::int64_t columns,
                     std::int64_t rank) {
  std::vector<WeightDelta> leading;
  for (const WeightDelta& d : parts) leading.push_back(leading_directions(d, rows, columns, rank));
  return products(leading, rows, columns, Pairing::kSubspaces);
}

void expect_close(const at::Tensor& got, const at::Tensor& expected, double bound) {
  EXPECT_LE((got - expected).abs().max().item<double>(), bound * expected.abs().max().item<double>())
      << got << expected;
}

class Products_ : public ::testing::Test {
 protected:
  void SetUp() override { at::manual_seed(3); }
};

TEST_F(Products_, FactorsAndFormedChangesMix) {
  std::vector<WeightDelta> parts;
  std::vector<at::Tensor> whole;
  for (const std::int64_t rank : {3, 0, 7, 1, 0, 5}) {
    const at::Tensor left = random({20, std::max<std::int64_t>(rank, 20)}), right = random({33, left.size(1)});
    parts.push_back(rank > 0 ? factored(left.narrow(1, 0, rank).contiguous(), right.narrow(1, 0, rank).contiguous())
                             : dense(at::mm(left, right.t())));
    whole.push_back(parts.back().rows(0, 20).flatten());
  }
  parts.push_back({});
  whole.push_back(at::zeros({20 * 33}, at::kDouble));
  const at::Tensor expected = at::mm(at::stack(whole), at::stack(whole).t());
  for (const std::size_t memory : {1, 5000, 1 << 20})
    expect_close(products(parts, 20, 33, Pairing::kEntries, memory), expected, 1e-13);
}

// ½ (tr |Dᵀ| |D'ᵀ| + tr |D| |D'|) with |D| = (Dᵀ D)^½ from eigenvalues: no singular vectors, so no signs or order.
TEST_F(Products_, SubspacesAreInnerProductsOfPolarParts) {
  const auto root = [](const at::Tensor& square) {
    const auto [values, vectors] = at::linalg_eigh(square);
    return at::mm(vectors * values.clamp_min(0).sqrt(), vectors.t());
  };
  std::vector<WeightDelta> parts;
  std::vector<at::Tensor> polar;
  for (int i = 0; i < 5; ++i) {
    const at::Tensor left = random({24, 4}), right = random({40, 4}), d = at::mm(left, right.t());
    parts.push_back(i % 2 == 0 ? factored(left, right) : dense(d));
    polar.push_back(at::cat({root(at::mm(d, d.t())).flatten(), root(at::mm(d.t(), d)).flatten()}));
  }
  const at::Tensor expected = at::mm(at::stack(polar), at::stack(polar).t()) / 2;
  expect_close(subspaces(parts, 24, 40, 32), expected, 1e-7);  // the root takes half of the digits
}

TEST_F(Products_, SubspacesDoNotDependOnHowChangesAreFactored) {
  const at::Tensor left = random({24, 4}), right = random({40, 4}), mix = random({4, 4});
  const at::Tensor other = at::mm(right, at::linalg_inv(mix).t());
  const at::Tensor padded = at::cat({left, at::zeros({24, 3}, at::kDouble)}, 1);
  const std::vector<WeightDelta> same = {
      factored(left, right), factored(at::mm(left, mix), other), dense(at::mm(left, right.t())),
      factored(padded, at::cat({right, random({40, 3})}, 1)), factored(left * -2.0, right)};
  const at::Tensor k = subspaces(same, 24, 40, 32);
  const double square = at::mm(left, right.t()).square().sum().item<double>();
  for (std::int64_t i = 0; i < 5; ++i)
    EXPECT_NEAR(k[0][i].item<double>(), square * (i == 4 ? 2 : 1), 1e-10 * square) << i;
  EXPECT_NEAR(k[4][4].item<double>(), 4 * square, 1e-10 * square);
}

// Equal singular values leave their vectors open; the products do not see which were taken.
TEST_F(Products_, SubspacesOfEqualSingularValues) {
  const auto basis = [&](std::int64_t rows) { return std::get<0>(at::linalg_qr(random({rows, 3}))); };
  const at::Tensor u = basis(20), v = basis(30), turn = std::get<0>(at::linalg_qr(random({3, 3})));
  const std::vector<WeightDelta> parts = {factored(u, v), factored(at::mm(u, turn), at::mm(v, turn)),
                                          factored(random({20, 3}), random({30, 3}))};
  const at::Tensor k = subspaces(parts, 20, 30, 32);
  EXPECT_NEAR(k[0][1].item<double>(), 3, 1e-12);
  EXPECT_NEAR(k[0][2].item<double>(), k[1][2].item<double>(), 1e-12 * k[2][2].item<double>());
}

TEST_F(Products_, OrthogonalDirectionsGiveZeroAndAllIsPositiveSemidefinite) {
  std::vector<WeightDelta> parts;
  const at::Tensor u = std::get<0>(at::linalg_qr(random({20, 8}))), v = std::get<0>(at::linalg_qr(random({30, 8})));
  for (int i = 0; i < 2; ++i)
    parts.push_back(factored(u.narrow(1, 4 * i, 4).contiguous(), v.narrow(1, 4 * i, 4).contiguous()));
  for (int i = 0; i < 8; ++i) parts.push_back(factored(random({20, 4}), random({30, 4})));
  const at::Tensor k = subspaces(parts, 20, 30, 3);
  EXPECT_NEAR(k[0][1].item<double>(), 0, 1e-12);
  EXPECT_GE(at::linalg_eigvalsh(k).min().item<double>(), -1e-12 * k.max().item<double>());
}

TEST_F(Products_, LargeChangesComeNearTheirSingularDirections) {
  const auto basis = [&](std::int64_t rows) { return std::get<0>(at::linalg_qr(random({rows, 300}))); };
  const at::Tensor sizes = at::arange(1, 301, at::kDouble).pow(-1.0);
  const at::Tensor u = basis(420), v = basis(360);
  const WeightDelta d = dense(at::mm(u * sizes, v.t())), near = leading_directions(d, 420, 360, 8);
  const WeightDelta exact = factored((u.narrow(1, 0, 8) * sizes.narrow(0, 0, 8).sqrt()).contiguous(),
                                     (v.narrow(1, 0, 8) * sizes.narrow(0, 0, 8).sqrt()).contiguous());
  const at::Tensor k = products({near, exact}, 420, 360, Pairing::kSubspaces);
  for (const double value : {k[0][0].item<double>(), k[0][1].item<double>()})
    EXPECT_NEAR(value, k[1][1].item<double>(), 1e-5 * k[1][1].item<double>());
  EXPECT_TRUE(leading_directions(d, 420, 360, 8).left.equal(near.left));
}

}  // namespace
}  // namespace deltascape::represent
