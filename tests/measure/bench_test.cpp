// Owns the tests of bench(): what it counts, that its random adapters are real ones, and that nothing stays behind.
#include "deltascape/bench.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/temporary_folder.h"
#include "deltascape/error.h"
#include "deltascape/inspect.h"
#include "goldens.h"
#include "measure/random_adapters.h"
#include "measure/rates.h"
#include "model/checkpoint.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

fs::path llama() { return testing::models_folder() / "llama/base"; }

TEST(Bench, CountsTheWorkAndMeasuresEveryLimit) {
  const auto base = model::Checkpoint::open(llama());
  const BenchReport report = bench({.base = llama().string(), .variants = 3, .rank = 2, .precision = "fp32"});
  EXPECT_EQ(report.family, "llama");
  EXPECT_EQ(report.precision, "fp32");
  EXPECT_EQ(report.variants, 3);
  std::int64_t per_block = 0;
  EXPECT_EQ(base->spec().linears(0).size(), 7u);  // q, k, v, o, gate, up, down
  for (const model::Module m : base->spec().linears(0))
    per_block += base->spec().shape(m)[0] * base->spec().shape(m)[1];
  EXPECT_EQ(report.block_parameters, per_block * base->spec().layer_count());
  EXPECT_GT(report.tokens, 5 * 10);  // five probes of more than ten tokens
  EXPECT_GT(report.base_bytes, 0);
  EXPECT_LT(report.base_bytes, static_cast<std::int64_t>(base->bytes()));
  const MachineRates& rates = report.machine;
  for (const double rate : {rates.fp32, rates.bf16, rates.memory_bandwidth, rates.disk_rate}) EXPECT_GT(rate, 0);
  EXPECT_EQ(rates.fp64, 0);
  EXPECT_FALSE(rates.processor.empty());
  EXPECT_GE(rates.cached_fraction, 0);
  EXPECT_LE(rates.cached_fraction, 1);
  const double flops = 2.0 * static_cast<double>(report.tokens) * static_cast<double>(report.block_parameters);
  EXPECT_NEAR(report.compute_limit * rates.fp32 / flops, 4, 1e-9);
  EXPECT_DOUBLE_EQ(report.ratio(), report.seconds / std::max(report.compute_limit, report.disk_limit));
  double sum = 0;
  for (const auto& [name, seconds] : report.breakdown) sum += seconds;
  EXPECT_EQ(report.breakdown.back().first, "other");
  EXPECT_GE(sum, report.seconds * (1 - 1e-9));
  EXPECT_GT(report.peak_bytes, 1 << 20);
}

TEST(Bench, EmbedsTheModelsItIsGiven) {
  const fs::path adapter = testing::models_folder() / "llama/lora_qv";
  const BenchReport report =
      bench({.base = llama().string(), .models = {{.path = adapter.string()}}, .precision = "fp64"});
  EXPECT_EQ(report.variants, 1);
  EXPECT_EQ(report.variant_bytes, inspect(adapter.string()).bytes);
  EXPECT_EQ(report.precision, "fp64");
  EXPECT_GT(report.machine.fp64, 0);
}

TEST(Bench, AModelThatFailsFailsTheBenchmark) {
  EXPECT_THROW(bench({.base = llama().string(), .models = {{.path = "no/such/adapter"}}}), Error);
  EXPECT_THROW(bench({.base = "no/such/base"}), Error);
  EXPECT_THROW(bench({.base = llama().string(), .variants = 0}), Error);
}

TEST(RandomAdapters, AreWhatEmbedReadsAndDiffer) {
  const auto base = model::Checkpoint::open(llama());
  fs::path folder;
  {
    const TemporaryFolder temporary("bench-test");
    folder = temporary.path();
    const auto models = measure::make_random_adapters(base->spec(), 3, 2, folder, silent_progress());
    ASSERT_EQ(models.size(), 3u);
    const Inspection found = inspect(models[0].path);
    EXPECT_EQ(found.verdict, "exact") << found.reason;
    EXPECT_EQ(found.rank, 2);
    EXPECT_EQ(found.targets,
              (std::vector<std::string>{"down_proj", "gate_proj", "k_proj", "q_proj", "up_proj", "v_proj"}));
    std::set<std::string> hashes;
    std::vector<double> effects;
    const EmbedReport report = embed(models, {.base = llama().string()}, [&](store::Record record) {
      hashes.insert(record.variant_hash);
      effects.push_back(record.relative_norm);
    });
    EXPECT_TRUE(report.failed.empty());
    EXPECT_EQ(hashes.size(), 3u);
    for (const double effect : effects) {
      EXPECT_GT(effect, 1e-4);
      EXPECT_LT(effect, 10);
    }
  }
  EXPECT_FALSE(fs::exists(folder));
}

TEST(DiskRate, LeavesTheCacheAsItWas) {
  const auto first = measure::disk_rate(llama(), silent_progress());
  const auto second = measure::disk_rate(llama(), silent_progress());
  EXPECT_GT(first.bytes_per_second, 0);
  EXPECT_DOUBLE_EQ(first.cached_fraction, second.cached_fraction);
  EXPECT_THROW(measure::disk_rate(testing::models_folder(), silent_progress()), Error);
}

}  // namespace
}  // namespace deltascape
