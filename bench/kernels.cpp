// Owns the benchmarks of the engine's kernels (Google Benchmark), at shapes of SmolLM2-135M and LLaMA-3.1-8B:
// scripts/bench.sh BUILD kernels --benchmark_filter=norm
// A new kernel is one function here: set up, loop over the state, say what moved.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include "exec/attention_kernel.h"
#include "exec/gemm.h"
#include "exec/kernels.h"

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

void difference(benchmark::State& state) {
  const at::Tensor x = at::randn({kRows, 1536}), base = at::randn({kRows, 1536});
  at::Tensor out = at::empty({kRows, 1536}, at::kBFloat16);
  for (auto _ : state)
    kernels::difference(x.const_data_ptr<float>(), base.const_data_ptr<float>(),
                        reinterpret_cast<kernels::bf16*>(out.data_ptr<at::BFloat16>()), x.numel());
  moved(state, 10 * x.numel());
}
BENCHMARK(difference);

void silu_gate(benchmark::State& state) {
  at::Tensor gate = at::randn({kRows, 1536});
  const at::Tensor up = at::ones({kRows, 1536});
  for (auto _ : state) kernels::silu_gate(gate.data_ptr<float>(), up.const_data_ptr<float>(), gate.numel());
  moved(state, 12 * gate.numel());
}
BENCHMARK(silu_gate);

void add_low_rank(benchmark::State& state) {
  const std::int64_t rank = state.range(0), out = 1536;
  const at::Tensor s = at::randn({kRows, rank}), b = at::randn({rank, out}), base = at::randn({kRows, out});
  at::Tensor y = at::empty({kRows, out});
  for (auto _ : state)
    kernels::add_moved(base.const_data_ptr<float>(), nullptr, s.const_data_ptr<float>(), rank,
                       b.const_data_ptr<float>(), rank, y.data_ptr<float>(), kRows, out);
  computed(state, 2.0 * static_cast<double>(kRows * rank * out));
}
BENCHMARK(add_low_rank)->ArgName("rank")->Arg(8)->Arg(64);

void attend(benchmark::State& state) {
  const std::int64_t keys = state.range(0), dim = 64, share = 3;
  const at::Tensor q = at::randn({keys, share * dim}), k = at::randn({keys, dim}), angle = at::randn({keys, dim / 2});
  const at::Tensor cos = angle.cos(), sin = angle.sin();
  at::Tensor out = at::empty_like(q);
  std::vector<float> scratch;
  const kernels::AttentionShape shape{
      .keys = keys, .dim = dim, .values = dim, .turned = dim, .share = share, .scale = 0.125};
  const kernels::Head<float> head{.q = q.const_data_ptr<float>(),
                                  .k = k.const_data_ptr<float>(),
                                  .v = k.const_data_ptr<float>(),
                                  .q_stride = share * dim,
                                  .k_stride = dim,
                                  .v_stride = dim,
                                  .out_stride = share * dim,
                                  .cos = cos.const_data_ptr<float>(),
                                  .sin = sin.const_data_ptr<float>(),
                                  .bias = nullptr,
                                  .bias_stride = 0,
                                  .out = out.data_ptr<float>()};
  for (auto _ : state) kernels::attend(shape, 0, head, scratch);
  computed(state, 2.0 * static_cast<double>(keys * (keys + 1) * dim * share));
}
BENCHMARK(attend)->ArgName("keys")->Arg(38)->Arg(256);

void packed_weight(benchmark::State& state, at::ScalarType dtype) {
  const c10::InferenceMode inference;
  const std::int64_t out = state.range(0), in = state.range(1);
  const PackedWeight weight(at::randn({out, in}).to(dtype), kRows, std::int64_t{1} << 20);
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
