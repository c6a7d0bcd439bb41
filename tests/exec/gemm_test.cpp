// What a row of a product gives depends on neither the rows beside it, nor on the number of threads, nor on whether the
// weight was reordered: to the last bit.
#include "exec/gemm.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/machine.h"

namespace deltascape::engine {
namespace {

class Products : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(1); }
  void TearDown() override { at::set_num_threads(usable_processors()); }
  at::Tensor random(std::int64_t rows, std::int64_t columns) const { return at::randn({rows, columns}).to(GetParam()); }
};

// Whole blocks of several sizes, around the sizes at which oneDNN changes its mind: SmolLM2's, and long sums.
constexpr std::pair<std::int64_t, std::int64_t> kShapes[] = {{576, 576},  {1536, 576}, {576, 1536}, {24, 576},
                                                             {640, 2048}, {512, 4096}, {1100, 512}};

TEST_P(Products, AreRightWithAndWithoutABias) {
  const c10::InferenceMode inference;
  for (const auto& [out, in] : kShapes) {
    const at::Tensor x = random(300, in), w = random(out, in), bias = random(1, out)[0];
    const at::Tensor expected = at::linear(x.to(at::kDouble), w.to(at::kDouble));
    const double bound = GetParam() == at::kFloat ? 1e-5 : 1e-2;
    const auto right = [&](const at::Tensor& y, const at::Tensor& reference) {
      EXPECT_LT((y.to(at::kDouble) - reference).norm().item<double>(), bound * reference.norm().item<double>()) << out;
    };
    for (const std::int64_t all : {0, 1 << 20}) {
      right(PackedWeight(w, 300, all).apply(x, {}), expected);
      right(PackedWeight(w, 300, all).apply(x, bias, 75), expected + bias.to(at::kDouble));
    }
    right(product(x, w), expected);
    const at::Tensor transposed = w.t().contiguous().t();
    right(product(x, transposed), expected);
    right(PackedWeight(transposed, 300, 0).apply(x, {}, 75), expected);
  }
}

// Company: variants of 177 rows each, among others and alone.
TEST_P(Products, AreTheSameInAnyCompany) {
  const c10::InferenceMode inference;
  constexpr std::int64_t kEach = 177;
  for (const auto& [out, in] : kShapes) {
    const at::Tensor x = random(9 * kEach, in), w = random(out, in);
    at::set_num_threads(1);
    const at::Tensor alone = PackedWeight(w, kEach, 0).apply(x.narrow(0, 4 * kEach, kEach), {}, kEach);
    for (const int threads : {1, 2, 3, 8}) {
      at::set_num_threads(threads);
      for (const std::int64_t all : {0, 1 << 20}) {
        const PackedWeight weight(w, kEach, all);
        for (const auto& [first, many] : {std::pair(0, 9), {4, 1}, {3, 2}, {2, 5}}) {
          const at::Tensor y = weight.apply(x.narrow(0, first * kEach, many * kEach), {}, kEach);
          EXPECT_TRUE(at::equal(y.narrow(0, (4 - first) * kEach, kEach), alone))
              << out << " " << in << " " << threads << " threads, " << many << " variants, reordered for " << all;
        }
      }
    }
  }
}

// In float32 for any rows: those that delta propagation runs exactly, or an expert got, are of all numbers.
TEST_P(Products, OfFloatsAreTheSameAmongAnyRows) {
  if (GetParam() != at::kFloat) GTEST_SKIP() << "of float32 alone";
  const c10::InferenceMode inference;
  for (const auto& [out, in] : kShapes) {
    const at::Tensor x = random(2000, in), w = random(out, in), expected = product(x, w);
    for (const int threads : {1, 2, 3}) {
      at::set_num_threads(threads);
      for (const std::int64_t rows : {1, 5, 15, 16, 17, 33, 100, 777})
        EXPECT_TRUE(at::equal(product(x.narrow(0, 0, rows), w), expected.narrow(0, 0, rows)))
            << out << " " << in << " " << rows << " rows, " << threads << " threads";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Products, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& p) { return p.param == at::kFloat ? "Float32" : "Bfloat16"; });

TEST(Bfloat16, IsDecidedWithoutAStopwatch) {
  const Bfloat16Verdict verdict = deltascape::bfloat16_on(this_processor());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(bfloat16_on(c10::kCPU).speed, verdict.speed);
    EXPECT_EQ(bfloat16_on(c10::kCPU).why, verdict.why);
  }
}

}  // namespace
}  // namespace deltascape::engine
