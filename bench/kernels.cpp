// Owns the benchmarks of the engine's kernels (Google Benchmark), at shapes of SmolLM2-135M and LLaMA-3.1-8B:
// scripts/bench.sh BUILD kernels --benchmark_filter=norm
// A new kernel is one function here: set up, loop over the state, say what moved.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include "engine/gemm.h"
#include "engine/kernels.h"

namespace deltascape::engine {
namespace {

constexpr std::int64_t kRows = 1092;  // six variants of the five probes' 182 tokens

// What an iteration reads and writes, as bytes/s.
void moved(benchmark::State& state, std::int64_t bytes) { state.SetBytesProcessed(state.iterations() * bytes); }
// What an iteration computes, as FLOP/s.
void computed(benchmark::State& state, double flops) {
  state.counters["FLOP/s"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void rms_norm(benchmark::State& state) {
  const std::int64_t width = state.range(0);
  const at::Tensor x = at::randn({kRows, width}), weight = at::randn({width});
  at::Tensor out = at::empty({kRows, width});
  for (auto _ : state)
    kernels::rms_norm(x.const_data_ptr<float>(), weight.const_data_ptr<float>(), out.data_ptr<float>(), kRows, width,
                      1e-5);
  moved(state, 2 * kRows * width * static_cast<std::int64_t>(sizeof(float)));
}
BENCHMARK(rms_norm)->ArgName("width")->Arg(576)->Arg(4096);

void rotate(benchmark::State& state) {
  const std::int64_t half = state.range(0), heads = 9;
  const at::Tensor x = at::randn({kRows * heads, 2 * half});
  const at::Tensor cos = at::randn({half}), sin = at::randn({half});
  at::Tensor out = at::empty_like(x);
  for (auto _ : state)
    for (std::int64_t row = 0; row < kRows * heads; ++row)
      kernels::rotate(x.const_data_ptr<float>() + row * 2 * half, cos.const_data_ptr<float>(),
                      sin.const_data_ptr<float>(), out.data_ptr<float>() + row * 2 * half, half);
  moved(state, 2 * x.numel() * static_cast<std::int64_t>(sizeof(float)));
}
BENCHMARK(rotate)->ArgName("half")->Arg(32)->Arg(64);

void packed_weight(benchmark::State& state, at::ScalarType dtype) {
  const c10::InferenceMode inference;
  const std::int64_t out = state.range(0), in = state.range(1);
  const PackedWeight weight(at::randn({out, in}).to(dtype), kRows);
  const at::Tensor x = at::randn({kRows, in}).to(dtype);
  for (auto _ : state) benchmark::DoNotOptimize(weight.apply(x, {}));
  computed(state, 2.0 * static_cast<double>(kRows) * static_cast<double>(out) * static_cast<double>(in));
}
void block_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"out", "in"})->Unit(benchmark::kMillisecond);
  for (const auto& shape : {std::vector<std::int64_t>{576, 576}, {192, 576}, {1536, 576}, {576, 1536}, {4096, 4096}})
    b->Args(shape);
}
BENCHMARK_CAPTURE(packed_weight, fp32, at::kFloat)->Apply(block_shapes);
BENCHMARK_CAPTURE(packed_weight, bf16, at::kBFloat16)->Apply(block_shapes);

}  // namespace
}  // namespace deltascape::engine

int main(int argc, char** argv) {
  at::set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
