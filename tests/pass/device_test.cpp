// The same run on another device than the processor: on one that lets nobody touch its memory, always, and on CUDA
// where a GPU is present.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include "core/machine.h"
#include "exec/device.h"
#include "pass/golden_run.h"
#include "pass/pretend_device.h"

namespace deltascape::engine {
namespace {

TEST(PretendDevice, ComputesAndHidesItsMemory) {
  const at::Tensor a = at::randn({4, 5}), b = at::randn({6, 5});
  const at::Tensor y = at::linear(a.to(testing::pretend_device()), b.to(testing::pretend_device()));
  EXPECT_TRUE(y.cpu().equal(at::linear(a, b)));
  y.narrow(0, 1, 2).add_(1);
  EXPECT_TRUE(y.cpu().narrow(0, 1, 2).equal(at::linear(a, b).narrow(0, 1, 2) + 1));
  EXPECT_DEATH((void)*static_cast<const volatile float*>(y.const_data_ptr()), "");
  EXPECT_ANY_THROW(at::linear(y, at::randn({3, 6})));
}

TEST(ExactProducts, LeaveTheSettingsAsTheyWere) {
  at::globalContext().setAllowBF16ReductionCuBLAS(true);
  const auto before = at::globalContext().allowBF16ReductionCuBLAS();
  {
    const ExactProducts exact;
    EXPECT_NE(at::globalContext().allowBF16ReductionCuBLAS(), before);
    EXPECT_TRUE(at::NoTF32Guard::should_disable_tf32());
  }
  EXPECT_EQ(at::globalContext().allowBF16ReductionCuBLAS(), before);
  EXPECT_FALSE(at::NoTF32Guard::should_disable_tf32());
}

using Case = std::tuple<const char*, const char*>;
class Device : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    at::set_num_threads(1);  // many small steps: threads would only wait for each other
    const std::string name = std::get<0>(GetParam());
    if (name == "cuda" && !at::hasCUDA()) GTEST_SKIP() << "no GPU";
    exact_.emplace();
    device_ = name == "cuda" ? parse_device("cuda") : testing::pretend_device();
    f_ = load(std::get<1>(GetParam()));
  }
  RunResult run_there(Precision precision, DeviceLayers& layers) const {
    return run_all(f_, f_.variants, {.precision = precision, .memory = kAmple, .device = *device_, .layers = &layers});
  }
  void TearDown() override { at::set_num_threads(usable_processors()); }
  // Row by row: ‖got − expected‖ ≤ max(relative ‖expected‖, absolute ‖h‖).
  void expect_near(const RunResult& got, const RunResult& expected, double relative, double absolute) const {
    for (std::size_t i = 0; i < f_.variants.size(); ++i) {
      const auto mean = [](const at::Tensor& t) { return t.to(at::kDouble).mean(1); };
      const at::Tensor e = mean(expected.variants[i].delta), d = mean(got.variants[i].delta) - e;
      const at::Tensor bound = at::maximum(e.norm(2, {1}) * relative, mean(expected.base).norm(2, {1}) * absolute);
      EXPECT_TRUE((d.norm(2, {1}) <= bound).all().item<bool>())
          << f_.names[i] << " " << (d.norm(2, {1}) / bound).max().item<double>();
    }
  }

  std::optional<ExactProducts> exact_;
  std::optional<c10::Device> device_;
  Fixture f_;
};

TEST_P(Device, EqualsTheProcessor) {
  const RunResult exact = run_all(f_, f_.variants, kAmple, Precision::kFp64);
  for (const Precision precision : {Precision::kFp64, Precision::kFp32, Precision::kDelta}) {
    DeviceLayers layers(*f_.base, *device_, kAmple);
    const RunResult there = run_there(precision, layers);
    if (precision == Precision::kFp64) expect_near(there, exact, 1e-5, 4e-7);
    else if (precision == Precision::kFp32) expect_near(there, exact, 1e-4, 4e-6);
    else expect_near(there, exact, 1e-2, 4e-6);
    EXPECT_EQ(there.numeric_error.has_value(), precision == Precision::kDelta && f_.base->spec().propagates_deltas());
    EXPECT_LT(there.numeric_error.value_or(0), 1e-2 * std::sqrt(static_cast<double>(f_.layout.probes.size())));
  }
}

TEST_P(Device, LayersStayOrAreSentAgain) {
  f_.variants.resize(2);
  RunResult first;
  for (const std::size_t room : {kAmple, std::size_t{0}}) {
    DeviceLayers layers(*f_.base, *device_, room);
    for (int again = 0; again < 2; ++again) {
      const RunResult there = run_there(Precision::kFp32, layers);
      EXPECT_EQ(layers.resident(0), room > 0);
      if (!first.base.defined()) first = there;
      expect_near(there, first, 1e-6, 1e-6);
    }
  }
}

TEST_P(Device, MeanOverTokens) {
  f_.taps.position = Position::kMean;
  DeviceLayers layers(*f_.base, *device_, kAmple);
  expect_near(run_there(Precision::kFp32, layers), run_all(f_, f_.variants, kAmple, Precision::kFp64), 1e-4, 4e-6);
}

INSTANTIATE_TEST_SUITE_P(Devices, Device,
                         ::testing::Combine(::testing::Values("pretend", "cuda"),
                                            ::testing::Values("llama", "qwen2", "gemma3", "gemma2", "phi3", "gpt_neox",
                                                              "bloom", "mixtral", "deepseek_v2", "gpt_oss", "llama4",
                                                              "granite_hybrid", "qwen3_next")),
                         [](const auto& p) { return std::string(std::get<0>(p.param)) + "_" + std::get<1>(p.param); });

}  // namespace
}  // namespace deltascape::engine
