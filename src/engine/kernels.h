// Owns fused element-wise kernels: one pass over memory where ATen would take several. Compiled for AVX-512, AVX2 and
// the baseline, chosen at run time; every choice does the same operations in the same order.
#pragma once

#include <cstdint>

namespace deltascape::engine::kernels {

// out[r] = x[r] / sqrt(mean(x[r]²) + eps) · weight, for `rows` rows of `width`.
void rms_norm(const float* x, const float* weight, float* out, std::int64_t rows, std::int64_t width, double eps);
void rms_norm(const double* x, const double* weight, double* out, std::int64_t rows, std::int64_t width, double eps);

// Rotates one head: out = (x1 cos − x2 sin, x2 cos + x1 sin), x1 and x2 its halves of `half` features.
void rotate(const float* x, const float* cos, const float* sin, float* out, std::int64_t half);
void rotate(const double* x, const double* cos, const double* sin, double* out, std::int64_t half);

}  // namespace deltascape::engine::kernels
