// Owns the rates of products and of memory.
#include "measure/rates.h"

#include <c10/core/InferenceMode.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>

#include "core/machine.h"
#include "exec/gemm.h"

namespace deltascape::measure {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kEnough = 0.15;  // seconds of trials
constexpr double kTooLong = 5;    // seconds of one product: a slow kernel is measured on fewer rows instead
constexpr std::int64_t kFewRows = 64;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Best of at least three runs that take `kEnough` together, in seconds; the first call is not counted.
template <class F>
double best_seconds(F&& run) {
  run();
  double best = std::numeric_limits<double>::infinity(), total = 0;
  for (int trial = 0; trial < 3 || total < kEnough; ++trial) {
    const auto start = Clock::now();
    run();
    const double seconds = since(start);
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

// Seconds of x · Wᵀ, x: [rows, in], W: [out, in].
double product_seconds(const std::vector<std::int64_t>& shape, std::int64_t rows, at::ScalarType dtype) {
  const engine::PackedWeight weight(at::randn(shape, at::TensorOptions(at::kFloat)).to(dtype), rows,
                                    std::int64_t{1} << 20);
  const at::Tensor x = at::randn({rows, shape[1]}, at::TensorOptions(at::kFloat)).to(dtype);
  const at::Tensor few = x.narrow(0, 0, std::min(rows, kFewRows));
  weight.apply(few, {});  // warms up
  const auto start = Clock::now();
  weight.apply(few, {});
  const double estimate = since(start) * static_cast<double>(rows) / static_cast<double>(few.size(0));
  return estimate > kTooLong ? estimate : best_seconds([&] { weight.apply(x, {}); });
}

}  // namespace

double gemm_rate(const model::ModelSpec& spec, std::int64_t rows, at::ScalarType dtype, Progress& progress) {
  const c10::InferenceMode inference;
  std::map<std::vector<std::int64_t>, int> shapes;
  for (int layer = 0; layer < spec.layer_count(); ++layer)
    for (const model::Module m : spec.linears(layer))
      if (spec.reads_text({m, layer})) ++shapes[spec.shape(m)];
  progress.begin("measuring products in " + std::string(c10::toString(dtype)),
                 static_cast<std::int64_t>(shapes.size()));
  double flops = 0, seconds = 0;
  for (const auto& [shape, count] : shapes) {
    flops += 2.0 * count * static_cast<double>(rows) * static_cast<double>(shape[0]) * static_cast<double>(shape[1]);
    seconds += count * product_seconds(shape, rows, dtype);
    advance(progress, 1);
  }
  return flops / seconds;
}

double memory_bandwidth() {
  const c10::InferenceMode inference;
  constexpr std::size_t kLeast = std::size_t{128} << 20;
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  std::size_t bytes = std::max<std::size_t>(kLeast, 4 * static_cast<std::size_t>(std::max(0L, cache)));
  bytes = std::max(std::min(bytes, available_memory() / 8), std::size_t{1} << 20);
  const auto size = static_cast<std::int64_t>(bytes / sizeof(float));
  const at::Tensor a = at::ones({size}), b = at::ones({size});
  at::Tensor c = at::zeros({size});
  const double seconds = best_seconds([&] { at::add_out(c, a, b); });
  return 3.0 * static_cast<double>(size) * sizeof(float) / seconds;
}

}  // namespace deltascape::measure
