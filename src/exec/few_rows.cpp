#include "exec/few_rows.h"

#include "exec/simd.h"

namespace deltascape::engine::kernels {
namespace {

using simd::kLanes;
using simd::load;
using simd::Vector;
using simd::widened;

// kRows rows of x against kOutputs rows of w: every value that is read serves several sums.
template <int kRows, int kOutputs>
DELTASCAPE_INLINE void tile(const float* x, const bf16* w, float* y, std::int64_t in, std::int64_t out) {
  Vector<float> sums[kRows][kOutputs] = {};
  std::int64_t i = 0;
  for (; i + kLanes<float> <= in; i += kLanes<float>) {
    Vector<float> weights[kOutputs];
    for (int o = 0; o < kOutputs; ++o) weights[o] = widened(w + o * in + i);
    for (int r = 0; r < kRows; ++r) {
      const Vector<float> values = load(x + r * in + i);
      for (int o = 0; o < kOutputs; ++o) sums[r][o] += values * weights[o];
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int o = 0; o < kOutputs; ++o) {
      float sum = simd::sum<float>(sums[r][o]);
      for (std::int64_t k = i; k < in; ++k) sum += x[r * in + k] * widened(w[o * in + k]);
      y[r * out + o] = sum;
    }
}

template <int kRows, int kOutputs>
DELTASCAPE_INLINE void strip(const float* x, const bf16* w, float* y, std::int64_t in, std::int64_t out,
                             std::int64_t count) {
  std::int64_t o = 0;
  for (; o + kOutputs <= count; o += kOutputs) tile<kRows, kOutputs>(x, w + o * in, y + o, in, out);
  for (; o < count; ++o) tile<kRows, 1>(x, w + o * in, y + o, in, out);
}

}  // namespace

DELTASCAPE_CLONES void few_rows(const float* x, const bf16* w, float* y, std::int64_t rows, std::int64_t in,
                                std::int64_t out, std::int64_t first, std::int64_t end) {
  constexpr std::int64_t kBlock = 32;  // rows of w that stay in the cache for all rows of x
  for (; first < end; first += kBlock) {
    const std::int64_t count = end - first < kBlock ? end - first : kBlock;
    const bf16* block = w + first * in;
    std::int64_t r = 0;
    for (; r + 8 <= rows; r += 8) strip<8, 2>(x + r * in, block, y + r * out + first, in, out, count);
    for (; r + 4 <= rows; r += 4) strip<4, 4>(x + r * in, block, y + r * out + first, in, out, count);
    for (; r + 2 <= rows; r += 2) strip<2, 4>(x + r * in, block, y + r * out + first, in, out, count);
    for (; r < rows; ++r) strip<1, 4>(x + r * in, block, y + r * out + first, in, out, count);
  }
}

}  // namespace deltascape::engine::kernels
