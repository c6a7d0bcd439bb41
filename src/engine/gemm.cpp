// Owns the choice between GEMM paths. The oneDNN operator is internal to LibTorch, so it is looked up by name and
// called boxed: where a version has none, or another signature, at::linear does the work.
#include "engine/gemm.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>

#include "core/processor.h"

namespace deltascape::engine {
namespace {

constexpr std::int64_t kLeastRows = 16;
// Reordering costs 0.5 ns an element while a weight fits the caches and 1.5 to 2.7 ns beyond; it makes products faster
// by 3 to 5% from 182 rows on, by 15% at 30 (bench/kernels.cpp).
constexpr std::int64_t kLargeWeight = 4 << 20;
constexpr std::int64_t kRowsForSmall = 1024, kRowsForLarge = 8192;

struct OneDnn {
  c10::OperatorHandle linear, reorder;

  at::Tensor pack(const at::Tensor& weight, std::int64_t rows) const {
    torch::jit::Stack stack{weight, c10::IValue(rows)};
    reorder.callBoxed(stack);
    return stack.front().toTensor();
  }
  at::Tensor apply(const at::Tensor& x, const at::Tensor& packed, const at::Tensor& bias) const {
    torch::jit::Stack stack{x,
                            packed,
                            bias.defined() ? c10::IValue(bias) : c10::IValue(),
                            "none",
                            c10::List<std::optional<at::Scalar>>(),
                            c10::IValue()};
    linear.callBoxed(stack);
    return stack.front().toTensor();
  }
};

std::optional<OneDnn> find_onednn() {
  auto& dispatcher = c10::Dispatcher::singleton();
  const auto linear = dispatcher.findSchema({"mkldnn::_linear_pointwise", ""});
  const auto reorder = dispatcher.findSchema({"mkldnn::_reorder_linear_weight", ""});
  if (!linear || !reorder) return {};
  if (linear->schema().arguments().size() != 6 || reorder->schema().arguments().size() != 2) return {};
  return OneDnn{*linear, *reorder};
}

// Best of three, in seconds.
template <class F>
double seconds(F&& run) {
  run();
  double best = 1e30;
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// A product of a middling block's shape.
struct Sample {
  at::Tensor x, weight;
  explicit Sample(at::ScalarType type)
      : x(at::ones({512, 576}, at::TensorOptions(type))), weight(at::ones({576, 576}, at::TensorOptions(type))) {}
};

// Of at::linear on the sample, measured once a process. `type`: kFloat or kBFloat16.
double linear_seconds(at::ScalarType type) {
  const auto measured = [&] {
    const Sample s(type);
    return seconds([&] { at::linear(s.x, s.weight); });
  };
  if (type == at::kFloat) {
    static const double single = measured();
    return single;
  }
  static const double half = measured();
  return half;
}

// The oneDNN operator where it is there and right, and, where asked for, faster.
std::optional<OneDnn> choose(at::ScalarType type, bool if_faster) {
  auto found = find_onednn();
  if (!found) return {};
  try {
    const Sample s(type);
    const at::Tensor packed = found->pack(s.weight, 512);
    if (!at::allclose(found->apply(s.x, packed, {}), at::linear(s.x, s.weight))) return {};
    if (!if_faster) return found;
    const double fast = seconds([&] { found->apply(s.x, packed, {}); });
    // On a busy machine timings wobble: leave the operator only where it is clearly slower.
    if (fast > 1.2 * linear_seconds(type)) return {};
  } catch (const c10::Error&) {
    return {};
  }
  return found;
}

std::atomic<bool> repeatable{false};

// For products of the processor's tensors. What is chosen without timings is there wherever it is chosen with them, so
// that weights that were packed before stay of use.
const std::optional<OneDnn>& chosen(at::ScalarType type) {
  static const std::optional<OneDnn> kNone;
  if (type == at::kFloat && repeatable) {
    static const std::optional<OneDnn> path = choose(at::kFloat, false);
    return path;
  }
  if (type == at::kFloat) {
    static const std::optional<OneDnn> path = choose(at::kFloat, true);
    return path;
  }
  if (type == at::kBFloat16 && repeatable) {
    static const std::optional<OneDnn> path = choose(at::kBFloat16, false);
    return path;
  }
  if (type == at::kBFloat16 && bfloat16_is_fast()) {
    static const std::optional<OneDnn> path = choose(at::kBFloat16, true);
    return path;
  }
  return kNone;
}

const OneDnn* path_for(const at::Tensor& x) {
  if (!x.is_cpu()) return nullptr;
  const auto& path = chosen(x.scalar_type());
  return path ? &*path : nullptr;
}

}  // namespace

void repeat_products() { repeatable = true; }

double bfloat16_speedup() { return linear_seconds(at::kFloat) / linear_seconds(at::kBFloat16); }

bool bfloat16_is_fast() {
  static const bool fast = [] {
    const std::vector<std::string> has = this_processor().features;
    const auto in = [&](const char* feature) { return std::find(has.begin(), has.end(), feature) != has.end(); };
    return bfloat16_speedup() > (in("avx512_bf16") || in("amx_bf16") ? 0.7 : 1.5);
  }();
  return fast;
}

bool bfloat16_is_fast(c10::Device device) {
  if (device.is_cpu()) return bfloat16_is_fast();
  // Large enough that a device is not idle between calls; reading one value waits for it.
  const auto measured = [&](at::ScalarType type) {
    const at::Tensor x = at::ones({4096, 4096}, at::TensorOptions(type).device(device));
    return seconds([&] { at::linear(x, x).flatten()[0].item<float>(); });
  };
  return measured(at::kFloat) > 1.5 * measured(at::kBFloat16);
}

bool PackedWeight::copies(at::ScalarType type, std::int64_t elements, std::int64_t all_rows) {
  return all_rows >= (elements > kLargeWeight ? kRowsForLarge : kRowsForSmall) && chosen(type).has_value();
}

PackedWeight::PackedWeight(at::Tensor weight, std::int64_t rows, std::int64_t all_rows)
    : weight_(std::move(weight)), out_(weight_.size(0)) {
  if (!weight_.is_cpu() || !copies(weight_.scalar_type(), weight_.numel(), all_rows)) return;
  weight_ = chosen(weight_.scalar_type())->pack(weight_, rows);
  reordered_ = true;
}

at::Tensor PackedWeight::apply(const at::Tensor& x, const at::Tensor& bias) const {
  const std::int64_t rows = x.size(0);
  if (rows < kLeastRows) {
    const at::Tensor padded = at::constant_pad_nd(x, {0, 0, 0, kLeastRows - rows});
    return apply(padded, bias).narrow(0, 0, rows).contiguous();
  }
  const auto* onednn = path_for(x);
  return onednn ? onednn->apply(x, weight_, bias)
                : at::linear(x, weight_, bias.defined() ? std::optional(bias) : std::nullopt);
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight) {
  const auto* onednn = path_for(x);
  return onednn && x.size(0) >= kLeastRows ? onednn->apply(x, weight, {}) : at::linear(x, weight);
}

}  // namespace deltascape::engine
