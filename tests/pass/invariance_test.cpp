// A variant's result depends on no other variant, no order, no group size and no number of threads (docs/design.md
// §6.3), and equals the oracle's when token ids are given directly.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <numeric>

#include "core/machine.h"
#include "exec/gemm.h"
#include "pass/golden_run.h"

namespace deltascape::engine {
namespace {

at::Tensor embedding(const RunResult& r, std::size_t i) {
  return r.variants[i].delta.to(at::kDouble).mean(1);  // [rows, dim]
}

// Tap by tap: ≤ 1e-6 ‖h‖ in fp32, and 1e-3 of the embedding in delta.
void expect_same(const at::Tensor& a, const at::Tensor& b, const at::Tensor& base, Precision precision,
                 const std::string& what) {
  const at::Tensor distance = (a - b).norm(2, {1});
  at::Tensor bound = base.to(at::kDouble).mean(1).norm(2, {1}) * 1e-6;
  if (precision == Precision::kDelta) bound = at::maximum(bound, b.norm(2, {1}) * 1e-3);
  EXPECT_TRUE((distance <= bound).all().item<bool>()) << what << " " << (distance / bound).max().item<double>();
}

using Case = std::tuple<const char*, Precision>;
class Invariance : public ::testing::TestWithParam<Case> {
 protected:
  Fixture f = load(std::get<0>(GetParam()));
  Precision precision = std::get<1>(GetParam());
};
class Oracle : public ::testing::TestWithParam<const char*> {};

TEST_P(Oracle, EqualFromTokenIds) {
  const Fixture f = load(GetParam());
  for (const Precision precision : {Precision::kFp32, Precision::kFp64}) {
    const RunResult r = run_all(f, f.variants, kAmple, precision);
    const at::Tensor hidden = r.base.to(at::kDouble).mean(1).contiguous();
    for (std::size_t i = 0; i < f.variants.size(); ++i) {
      const at::Tensor e = embedding(r, i).to(at::kFloat).contiguous();
      const auto size = static_cast<std::size_t>(e.numel()), dim = static_cast<std::size_t>(e.size(1));
      for (std::size_t at = 0; at < size; at += dim)
        testing::expect_parity({e.data_ptr<float>() + at, dim}, {f.reference.data() + i * size + at, dim},
                               {hidden.data_ptr<double>() + at, dim}, precision == Precision::kFp64,
                               f.names[i] + " row " + std::to_string(at / dim));
    }
  }
}

// docs/design.md §6.2: ≤ 1e-2 ‖e‖ and cosine ≥ 0.9999, row by row; and the error that a run reports is of that size.
TEST_P(Oracle, DeltaIsNearFromTokenIds) {
  const Fixture f = load(GetParam());
  const RunResult r = run_all(f, f.variants, kAmple, Precision::kDelta);
  const bool propagates = f.base->spec().propagates_deltas();
  const auto rows = static_cast<std::int64_t>(f.taps.taps.size()), dim = f.base->spec().hidden;
  const at::Tensor reference =
      at::tensor(f.reference).view({static_cast<std::int64_t>(f.variants.size()), rows, dim}).to(at::kDouble);
  const at::Tensor noise = r.base.to(at::kDouble).mean(1).norm(2, {1}) * 4e-6;  // fp32's own, of the base's states
  for (std::size_t i = 0; i < f.variants.size(); ++i) {
    const at::Tensor e = embedding(r, i), ref = reference[static_cast<std::int64_t>(i)];
    const at::Tensor bound = at::maximum(ref.norm(2, {1}) * 1e-2, noise);
    EXPECT_TRUE(((e - ref).norm(2, {1}) <= bound).all().item<bool>())
        << f.names[i] << " " << ((e - ref).norm(2, {1}) / bound).max().item<double>();
    const at::Tensor cosine = at::cosine_similarity(e, ref, 1), seen = ref.norm(2, {1}) > 1e2 * noise;
    EXPECT_TRUE((cosine.masked_select(seen) >= 0.9999).all().item<bool>()) << f.names[i];
    const bool twins = propagates && (!f.variants[i].adapter || !f.variants[i].adapter->virtual_tokens().any());
    EXPECT_EQ(r.variants[i].precision, twins ? Precision::kDelta : Precision::kFp32) << f.names[i];
  }
  if (!propagates) return;
  ASSERT_TRUE(r.numeric_error.has_value());
  // Of one probe, where the embedding is the mean of several.
  EXPECT_LT(*r.numeric_error, 1e-2 * std::sqrt(static_cast<double>(f.layout.probes.size())));
  EXPECT_GT(*r.numeric_error, 0);
}

TEST_P(Invariance, OrderGroupsAndCompany) {
  const RunResult together = run_all(f, f.variants, kAmple, precision);
  std::vector<std::size_t> order(f.variants.size());
  std::iota(order.rbegin(), order.rend(), std::size_t{0});
  std::vector<Variant> reversed;
  for (const std::size_t i : order) reversed.push_back(f.variants[i]);
  const RunResult backwards = run_all(f, reversed, kAmple, precision);
  const RunResult small_groups = run_all(f, f.variants, 1, precision);  // a budget of one variant a pass
  for (std::size_t i = 0; i < order.size(); ++i) {
    const at::Tensor expected = embedding(together, order[i]);
    const auto same = [&](const at::Tensor& e, const std::string& what) {
      expect_same(e, expected, together.base, precision, what + f.names[order[i]]);
    };
    same(embedding(backwards, i), "reversed ");
    same(embedding(small_groups, order[i]), "one by one ");
    same(embedding(run_all(f, {f.variants[order[i]]}, kAmple, precision), 0), "alone ");
  }
}

TEST_P(Invariance, Threads) {
  at::set_num_threads(1);
  const RunResult one = run_all(f, f.variants, kAmple, precision);
  at::set_num_threads(2);
  const RunResult two = run_all(f, f.variants, kAmple, precision);
  for (std::size_t i = 0; i < f.variants.size(); ++i)
    expect_same(embedding(one, i), embedding(two, i), one.base, precision, f.names[i]);
}

// Where oneDNN's products are there, whose sums go by nothing but their own row.
TEST_P(Invariance, ToTheLastBit) {
  if (!PackedWeight::copies(at::kFloat, 1, 1 << 20)) GTEST_SKIP() << "at::linear sums as the threads divide it";
  const RunResult expected = run_all(f, f.variants, kAmple, precision);
  const std::size_t n = f.variants.size();
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    for (const std::size_t step : {std::size_t{1}, n - 1, std::size_t{3}}) {  // as given, reversed, every third
      for (const std::size_t memory : {kAmple, std::size_t{1}}) {
        std::vector<Variant> some;
        std::vector<std::size_t> which;
        for (std::size_t k = 0, i = step == n - 1 ? n - 1 : 0; k < (step == 3 ? (n + 2) / 3 : n); ++k) {
          some.push_back(f.variants[i]);
          which.push_back(i);
          i = (i + step) % n;
        }
        const RunResult found = run_all(f, some, memory, precision);
        EXPECT_TRUE(at::equal(found.base, expected.base));
        for (std::size_t k = 0; k < which.size(); ++k) {
          const at::Tensor& got = found.variants[k].delta;
          const at::Tensor& want = expected.variants[which[k]].delta;
          const auto most = (got - want).abs().max().item<float>();
          // Rows with virtual tokens before them go through products whose sums the company decides: the bound of
          // docs/design.md §6.3 holds.
          const bool virtual_tokens = f.names[which[k]] == "prompt";
          const float allowed = virtual_tokens ? 1e-6f * expected.base.norm().item<float>() : 0.0f;
          EXPECT_LE(most, allowed) << f.names[which[k]] << ", " << threads << " threads, step " << step << ", memory "
                                   << memory;
        }
        if (step == 1) {
          EXPECT_EQ(found.numeric_error, expected.numeric_error) << "memory " << memory;
        }
      }
    }
  }
  at::set_num_threads(usable_processors());
}

constexpr const char* kFamilies[] = {"llama", "qwen2", "gemma3", "gemma2", "phi3",    "gpt_neox",      "bloom",
                                     "olmo2", "t5",    "bert",   "mpnet",  "gpt_oss", "granite_hybrid"};
INSTANTIATE_TEST_SUITE_P(Families, Oracle, ::testing::ValuesIn(kFamilies),
                         [](const auto& p) { return std::string(p.param); });
INSTANTIATE_TEST_SUITE_P(Families, Invariance,
                         ::testing::Combine(::testing::ValuesIn(kFamilies),
                                            ::testing::Values(Precision::kFp32, Precision::kDelta)),
                         [](const auto& p) {
                           return std::string(std::get<0>(p.param)) +
                                  (std::get<1>(p.param) == Precision::kDelta ? "Delta" : "Fp32");
                         });

}  // namespace
}  // namespace deltascape::engine
