// Owns the tests of the stopwatch.
#include "core/stopwatch.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <thread>
#include <vector>

namespace deltascape {
namespace {

TEST(Stopwatch, AddsAGuardsLifetimeToItsKindOfWorkAlone) {
  Breakdown breakdown;
  const auto pause = std::chrono::milliseconds(5);
  for (int i = 0; i < 2; ++i) {
    const Timed timed(&breakdown, Work::kGemm);
    std::this_thread::sleep_for(pause);
  }
  EXPECT_GE(breakdown.seconds(Work::kGemm), 0.010);
  EXPECT_EQ(breakdown.seconds(Work::kIo), 0);
  EXPECT_DOUBLE_EQ(breakdown.total_seconds(), breakdown.seconds(Work::kGemm));
  const Timed nothing(nullptr, Work::kIo);
}

TEST(Stopwatch, AddsFromManyThreads) {
  Breakdown breakdown;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10000; ++i) breakdown.add(Work::kAttention, 25);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_DOUBLE_EQ(breakdown.seconds(Work::kAttention), 0.001);
}

TEST(Stopwatch, EveryKindOfWorkHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kWorks; ++i) names.insert(work_name(static_cast<Work>(i)));
  EXPECT_EQ(names.size(), kWorks);
  EXPECT_FALSE(names.contains(""));
}

}  // namespace
}  // namespace deltascape
