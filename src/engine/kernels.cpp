#include "engine/kernels.h"

#include <cmath>

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

}  // namespace deltascape::engine::kernels
