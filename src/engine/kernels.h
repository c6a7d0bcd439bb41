// Owns fused element-wise kernels: one pass over memory where ATen would take several. Compiled for AVX-512, AVX2 and
// the baseline, chosen at run time; every choice does the same operations in the same order.
#pragma once

#include <cstdint>

namespace deltascape::engine::kernels {

using bf16 = std::uint16_t;  // the upper half of a float

// out[r] = x[r] / sqrt(mean(x[r]²) + eps) · weight, for `rows` rows of `width`.
void rms_norm(const float* x, const float* weight, float* out, std::int64_t rows, std::int64_t width, double eps);
void rms_norm(const double* x, const double* weight, double* out, std::int64_t rows, std::int64_t width, double eps);

// Rotates one head: out = (x1 cos − x2 sin, x2 cos + x1 sin), x1 and x2 its halves of `half` features.
void rotate(const float* x, const float* cos, const float* sin, float* out, std::int64_t half);
void rotate(const double* x, const double* cos, const double* sin, double* out, std::int64_t half);

// out = x − base, rounded to nearest even; whether anything differs.
bool difference(const float* x, const float* base, bf16* out, std::int64_t count);

// y = base + moved, all [count].
void add_moved(const float* base, const bf16* moved, float* y, std::int64_t count);

// y[r] += s[r] · b for `rows` rows: s of `rank` values, `stride` apart between rows; b [rank, out].
void add_low_rank(const float* s, std::int64_t stride, const float* b, std::int64_t rank, float* y, std::int64_t rows,
                  std::int64_t out);
void add_low_rank(const double* s, std::int64_t stride, const double* b, std::int64_t rank, double* y,
                  std::int64_t rows, std::int64_t out);

// gate = silu(gate) · up: x / (1 + e^−x), e^x to within 1e-7 relative.
void silu_gate(float* gate, const float* up, std::int64_t count);

}  // namespace deltascape::engine::kernels
