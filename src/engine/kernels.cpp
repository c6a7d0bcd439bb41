#include "engine/kernels.h"

#include <bit>
#include <cmath>
#include <cstring>

// No FMA in any clone (-ffp-contract=off), so that machines agree.
#if defined(__x86_64__) && defined(__GNUC__)
#define DELTASCAPE_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DELTASCAPE_CLONES
#endif
#define DELTASCAPE_INLINE inline __attribute__((always_inline))

namespace deltascape::engine::kernels {
namespace {

constexpr std::int64_t kLanes = 16;

template <class T>
DELTASCAPE_INLINE void rms_norm_rows(const T* __restrict x, const T* __restrict weight, T* __restrict out,
                                     std::int64_t rows, std::int64_t width, double eps) {
  const std::int64_t whole = width - width % kLanes;
  for (std::int64_t r = 0; r < rows; ++r, x += width, out += width) {
    T lanes[kLanes] = {};  // fixed partial sums: the same order whatever the vector width
    for (std::int64_t i = 0; i < whole; i += kLanes)
      for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += x[i + j] * x[i + j];
    T sum = 0;
    for (std::int64_t j = 0; j < kLanes; ++j) sum += lanes[j];
    for (std::int64_t i = whole; i < width; ++i) sum += x[i] * x[i];
    const T scale = T(1) / std::sqrt(sum / static_cast<T>(width) + static_cast<T>(eps));
    for (std::int64_t i = 0; i < width; ++i) out[i] = x[i] * scale * weight[i];
  }
}

template <class T>
DELTASCAPE_INLINE void rotate_head(const T* __restrict x, const T* __restrict cos, const T* __restrict sin,
                                   T* __restrict out, std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    out[i] = x[i] * cos[i] - x[half + i] * sin[i];
    out[half + i] = x[half + i] * cos[i] + x[i] * sin[i];
  }
}

// Four rows share what is read of b; a register holds a run of columns for all ranks.
template <class T, int kRows>
DELTASCAPE_INLINE void low_rank_rows(const T* __restrict s, std::int64_t stride, const T* __restrict b,
                                     std::int64_t rank, T* __restrict y, std::int64_t out) {
  constexpr std::int64_t kRun = 2 * kLanes;
  std::int64_t c = 0;
  for (; c + kRun <= out; c += kRun) {
    T sum[kRows][kRun];
    for (int r = 0; r < kRows; ++r)
      for (std::int64_t j = 0; j < kRun; ++j) sum[r][j] = y[r * out + c + j];
    for (std::int64_t k = 0; k < rank; ++k) {
      const T* column = b + k * out + c;
      for (int r = 0; r < kRows; ++r) {
        const T by = s[r * stride + k];
        for (std::int64_t j = 0; j < kRun; ++j) sum[r][j] += by * column[j];
      }
    }
    for (int r = 0; r < kRows; ++r)
      for (std::int64_t j = 0; j < kRun; ++j) y[r * out + c + j] = sum[r][j];
  }
  for (; c < out; ++c)
    for (int r = 0; r < kRows; ++r) {
      T sum = y[r * out + c];
      for (std::int64_t k = 0; k < rank; ++k) sum += s[r * stride + k] * b[k * out + c];
      y[r * out + c] = sum;
    }
}

template <class T>
DELTASCAPE_INLINE void low_rank_all(const T* s, std::int64_t stride, const T* b, std::int64_t rank, T* y,
                                    std::int64_t rows, std::int64_t out) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4) low_rank_rows<T, 4>(s + r * stride, stride, b, rank, y + r * out, out);
  for (; r < rows; ++r) low_rank_rows<T, 1>(s + r * stride, stride, b, rank, y + r * out, out);
}

// x = n·ln 2 + r, |r| ≤ ln 2 / 2, a Taylor polynomial of degree 7 for e^r (the next term is below
// 6e-9), and n into the exponent. Beyond ±87 the result is that of the border, and 0 below.
DELTASCAPE_INLINE float exponential(float x) {
  const float low = x < -87.0F ? -87.0F : x > 87.0F ? 87.0F : x;
  const float n = (low * 1.44269504F + 12582912.0F) - 12582912.0F;  // rounds to nearest
  const float r = (low - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.98412698e-4F;
  p = p * r + 1.38888889e-3F;
  p = p * r + 8.33333333e-3F;
  p = p * r + 4.16666667e-2F;
  p = p * r + 1.66666667e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const auto scale = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return x < -87.0F ? 0.0F : p * scale;
}

}  // namespace

DELTASCAPE_CLONES void rms_norm(const float* x, const float* weight, float* out, std::int64_t rows, std::int64_t width,
                                double eps) {
  rms_norm_rows(x, weight, out, rows, width, eps);
}

DELTASCAPE_CLONES void rms_norm(const double* x, const double* weight, double* out, std::int64_t rows,
                                std::int64_t width, double eps) {
  rms_norm_rows(x, weight, out, rows, width, eps);
}

DELTASCAPE_CLONES void rotate(const float* x, const float* cos, const float* sin, float* out, std::int64_t half) {
  rotate_head(x, cos, sin, out, half);
}

DELTASCAPE_CLONES void rotate(const double* x, const double* cos, const double* sin, double* out, std::int64_t half) {
  rotate_head(x, cos, sin, out, half);
}

DELTASCAPE_CLONES bool difference(const float* __restrict x, const float* __restrict base, bf16* __restrict out,
                                  std::int64_t count) {
  std::uint32_t any = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float d = x[i] - base[i];
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(d);
    any |= bits << 1;  // the sign of a zero is no difference
    out[i] = static_cast<bf16>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
  }
  return any != 0;
}

DELTASCAPE_CLONES void add_moved(const float* __restrict base, const bf16* __restrict moved, float* __restrict y,
                                 std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i)
    y[i] = base[i] + std::bit_cast<float>(static_cast<std::uint32_t>(moved[i]) << 16);
}

DELTASCAPE_CLONES void add_low_rank(const float* s, std::int64_t stride, const float* b, std::int64_t rank, float* y,
                                    std::int64_t rows, std::int64_t out) {
  low_rank_all(s, stride, b, rank, y, rows, out);
}

DELTASCAPE_CLONES void add_low_rank(const double* s, std::int64_t stride, const double* b, std::int64_t rank, double* y,
                                    std::int64_t rows, std::int64_t out) {
  low_rank_all(s, stride, b, rank, y, rows, out);
}

DELTASCAPE_CLONES void silu_gate(float* __restrict gate, const float* __restrict up, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) gate[i] = gate[i] / (1.0F + exponential(-gate[i])) * up[i];
}

}  // namespace deltascape::engine::kernels
