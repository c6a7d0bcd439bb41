// A model larger than the memory it may use: the budget holds, and the embeddings are those of a run without one.
#include <gmock/gmock.h>

#include "core/machine.h"
#include "exec/buffers.h"
#include "goldens.h"
#include "large_model.h"
#include "pass/engine.h"

namespace deltascape::engine {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// 411 MB in bfloat16, twice that in float32.
class Budget : public ::testing::TestWithParam<Precision> {
 protected:
  static void SetUpTestSuite() {
    model_ = std::make_unique<testing::LargeModel>(testing::LargeShape{.layers = 16});
    base_ = model::Checkpoint::open(model_->base());
    for (int i = 0; i < 3; ++i) variants_.push_back({adapter::Adapter::open(model_->adapter(i), *base_), nullptr});
    for (const auto& [type, count] : {std::pair("PROMPT_TUNING", 60), std::pair("PREFIX_TUNING", 30)})
      variants_.push_back({adapter::Adapter::open(model_->virtual_tokens(type, count), *base_), nullptr});
    std::vector<std::vector<std::int64_t>> probes(2);
    for (std::int64_t t = 0; t < 40; ++t) probes[static_cast<std::size_t>(t % 2)].push_back(t * 13 % 1000);
    layout_ = make_layout(probes);
  }
  static void TearDownTestSuite() {
    variants_.clear();
    base_.reset();
    model_.reset();
  }

  static RunResult run_with(std::size_t memory, Precision precision) {
    const Taps taps = parse_taps("all", "last", base_->spec());
    return run(*base_, variants_, layout_, taps, {.precision = precision, .memory = memory}, silent_progress());
  }

  static inline std::unique_ptr<testing::LargeModel> model_;
  static inline std::shared_ptr<const model::Checkpoint> base_;
  static inline std::vector<Variant> variants_;
  static inline Layout layout_;
};

TEST_P(Budget, HoldsAndChangesNothing) {
  const RunResult ample = run_with(0, GetParam());  // also what the libraries take for themselves the first time
  base_->release();
  const std::size_t before = resident_memory().now;
  constexpr std::size_t kBudget = 256 * kMiB;
  ASSERT_GT(base_->bytes(), kBudget * 3 / 2);
  ASSERT_TRUE(testing::reset_peak());
  const RunResult tight = run_with(kBudget, GetParam());
  EXPECT_LT(resident_memory().peak, before + kBudget) << "MiB before: " << before / kMiB;
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    ASSERT_FALSE(tight.variants[i].error.has_value()) << tight.variants[i].error->what();
    const at::Tensor a = tight.variants[i].delta, b = ample.variants[i].delta;
    const double bound =
        GetParam() == Precision::kDelta ? 1e-3 * b.norm().item<double>() : 1e-6 * ample.base.norm().item<double>();
    EXPECT_LE((a - b).norm().item<double>(), bound);
    EXPECT_GT(b.norm().item<double>(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, Budget, ::testing::Values(Precision::kFp32, Precision::kDelta),
                         [](const auto& p) { return p.param == Precision::kDelta ? "Delta" : "Fp32"; });

TEST(Buffers, GoRoundAndOutliveTheirScope) {
  at::Tensor kept;
  void* first = nullptr;
  {
    const BufferScope scope(std::size_t{1} << 30);
    {
      const at::Tensor a = at::ones({1 << 20});
      first = a.data_ptr();
    }
    const at::Tensor b = at::empty({1 << 20});
    EXPECT_EQ(b.data_ptr(), first);
    kept = at::full({3 << 20}, 7.0F);
    const at::Tensor small = at::empty({16});
    EXPECT_NE(small.data_ptr(), nullptr);
  }
  EXPECT_EQ(kept[(3 << 20) - 1].item<float>(), 7.0F);
  kept.reset();
  const at::Tensor after = at::ones({1 << 20});
  EXPECT_EQ(after.sum().item<float>(), static_cast<float>(1 << 20));
}

TEST(Buffers, AtRestTheyStayBelowTheLimit) {
  const std::size_t before = resident_memory().now;
  const BufferScope scope(64 * kMiB);
  for (int i = 1; i <= 16; ++i) at::ones({i * (1 << 20)});  // 4 to 64 MiB, none fits the next
  EXPECT_LT(resident_memory().now, before + 80 * kMiB);
}

}  // namespace
}  // namespace deltascape::engine
