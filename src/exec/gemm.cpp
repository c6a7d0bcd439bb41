// Owns the choice between GEMM paths. The oneDNN operator is internal to LibTorch, so it is looked up by name and
// called boxed: where a version has none, or another signature, at::linear does the work.
#include "exec/gemm.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "exec/device.h"

namespace deltascape::engine {
namespace {

constexpr std::int64_t kLeastRows = 16;
// Reordering costs 0.5 ns an element while a weight fits the caches and 1.5 to 2.7 ns beyond; it makes products faster
// by 3 to 5% from 182 rows on, by 15% at 30 (bench/kernels.cpp).
constexpr std::int64_t kLargeWeight = 4 << 20;
constexpr std::int64_t kRowsForSmall = 1024, kRowsForLarge = 8192;
// The most rows and outputs of a piece where products are cut: 256 rows ran at 0.7 to 1.0 of the whole product's rate
// on one core (a noisy machine), and one variant alone still keeps several cores busy.
constexpr std::int64_t kPieceRows = 256, kPieceOutputs = 512, kTileOutputs = 32;

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

// Small whole numbers that differ from place to place: their products are exact.
at::Tensor sample(std::int64_t rows, std::int64_t columns, at::ScalarType type) {
  return at::arange(rows * columns).mul_(7919).remainder_(5).sub_(2).view({rows, columns}).to(type);
}

// The oneDNN operator where it is there and right.
std::optional<OneDnn> choose(at::ScalarType type) {
  auto found = find_onednn();
  if (!found) return {};
  try {
    const at::Tensor x = sample(48, 96, type), w = sample(64, 96, type), expected = at::linear(x, w);
    for (const at::Tensor& weight : {w, found->pack(w, x.size(0))})
      if (!at::allclose(found->apply(x, weight, {}), expected)) return {};
  } catch (const c10::Error&) {
    return {};
  }
  return found;
}

// For products of the processor's tensors.
const std::optional<OneDnn>& chosen(at::ScalarType type) {
  static const std::optional<OneDnn> kNone;
  if (type == at::kFloat) {
    static const std::optional<OneDnn> path = choose(at::kFloat);
    return path;
  }
  if (type == at::kBFloat16) {
    static const std::optional<OneDnn> path = choose(at::kBFloat16);
    return path;
  }
  return kNone;
}

const OneDnn* path_for(const at::Tensor& x) {
  if (!x.is_cpu()) return nullptr;
  const auto& path = chosen(x.scalar_type());
  return path ? &*path : nullptr;
}

const Processor& processor() {
  static const Processor here = this_processor();
  return here;
}

// Where oneDNN sums in an order that goes by the number of rows and of threads.
bool cuts(at::ScalarType type) { return type == at::kBFloat16 && processor().has("amx_bf16"); }

at::Tensor whole(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const std::int64_t rows = x.size(0);
  if (rows < kLeastRows) {
    const at::Tensor padded = at::constant_pad_nd(x, {0, 0, 0, kLeastRows - rows});
    return whole(padded, weight, bias).narrow(0, 0, rows).contiguous();
  }
  const auto* onednn = path_for(x);
  return onednn ? onednn->apply(x, weight, bias)
                : at::linear(x, weight, bias.defined() ? std::optional(bias) : std::nullopt);
}

// One thread for the products of this one, for as long as it lives.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// Runs of about equal length, at most kPieceOutputs, of a weight's rows: views. A transposed one stays whole: for a
// part of it oneDNN has nothing but its reference loops.
std::vector<at::Tensor> runs_of(const at::Tensor& weight) {
  if (!weight.is_contiguous()) return {weight};
  const std::int64_t out = weight.size(0), count = (out + kPieceOutputs - 1) / kPieceOutputs;
  const std::int64_t length = (out + count * kTileOutputs - 1) / (count * kTileOutputs) * kTileOutputs;
  std::vector<at::Tensor> runs;
  for (std::int64_t at = 0; at < out; at += length) runs.push_back(weight.narrow(0, at, std::min(length, out - at)));
  return runs;
}

// The product in pieces, each on one thread: what a row gives goes by its place among `each` and their number alone.
at::Tensor in_pieces(const at::Tensor& given, const std::vector<at::Tensor>& runs, std::int64_t out,
                     const at::Tensor& bias, std::int64_t each) {
  const at::Tensor x = given.detach().contiguous();
  const std::int64_t groups = x.size(0) / each, pieces = (each + kPieceRows - 1) / kPieceRows;
  const auto count = static_cast<std::int64_t>(runs.size());
  const std::int64_t length = runs.front().size(0);
  at::Tensor y = at::empty({x.size(0), out}, x.options());
  auto* to = y.data_ptr<at::BFloat16>();
  at::parallel_for(0, groups * pieces * count, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::AutoDispatchBelowADInplaceOrView no_gradients;  // a thread's own affair
    const OneThread one;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t run = i % count, piece = i / count % pieces, group = i / count / pieces;
      const std::int64_t first = piece * each / pieces, rows = (piece + 1) * each / pieces - first;
      const at::Tensor& weight = runs[static_cast<std::size_t>(run)];
      const std::int64_t at = run * length, width = std::min(length, out - at);
      const at::Tensor own_bias = bias.defined() ? bias.narrow(0, at, width) : at::Tensor();
      const at::Tensor part = whole(x.narrow(0, group * each + first, rows), weight, own_bias);
      const auto* from = part.const_data_ptr<at::BFloat16>();
      for (std::int64_t r = 0; r < rows; ++r)
        std::memcpy(to + (group * each + first + r) * out + at, from + r * width,
                    static_cast<std::size_t>(width) * sizeof(at::BFloat16));
    }
  });
  return y;
}

}  // namespace

Bfloat16Verdict bfloat16_on(c10::Device device) {
  if (device.is_cpu()) return deltascape::bfloat16_on(processor());
  const auto capability = compute_capability(device);
  if (!capability) return {Bfloat16::kSlow, "a device whose compute capability is not known"};
  return bfloat16_on_cuda(capability->first, capability->second);
}

bool PackedWeight::copies(at::ScalarType type, std::int64_t elements, std::int64_t all_rows) {
  return all_rows >= (elements > kLargeWeight ? kRowsForLarge : kRowsForSmall) && chosen(type).has_value();
}

PackedWeight::PackedWeight(at::Tensor weight, std::int64_t rows, std::int64_t all_rows) : out_(weight.size(0)) {
  const at::ScalarType type = weight.scalar_type();
  const bool cut = weight.is_cpu() && cuts(type);
  const bool copied = weight.is_cpu() && copies(type, weight.numel(), all_rows);
  parts_ = cut ? runs_of(weight) : std::vector<at::Tensor>{std::move(weight)};
  if (!copied) return;
  for (at::Tensor& part : parts_) part = chosen(type)->pack(part, cut ? std::min(rows, kPieceRows) : rows);
}

at::Tensor PackedWeight::apply(const at::Tensor& x, const at::Tensor& bias, std::int64_t each) const {
  if (x.size(0) == 0) return at::empty({0, out_}, x.options());
  return x.is_cpu() && cuts(x.scalar_type()) ? in_pieces(x, parts_, out_, bias, each > 0 ? each : x.size(0))
                                             : whole(x, parts_.front(), bias);
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight) { return whole(x, weight, {}); }

}  // namespace deltascape::engine
