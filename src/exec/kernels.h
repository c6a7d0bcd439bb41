// Owns fused element-wise kernels: one pass over memory where ATen would take several. Compiled for AVX-512, AVX2 and
// the baseline, chosen at run time (simd.h). A row's result depends on no other row.
#pragma once

#include <cstdint>

namespace deltascape::engine::kernels {

using bf16 = std::uint16_t;  // the upper half of a float

// out[r] = x[r] / sqrt(mean(x[r]²) + eps) · weight, for `rows` rows of `width`.
void rms_norm(const float* x, const float* weight, float* out, std::int64_t rows, std::int64_t width, double eps);
void rms_norm(const double* x, const double* weight, double* out, std::int64_t rows, std::int64_t width, double eps);

// out = x − base, rounded to nearest even; whether anything differs.
bool difference(const float* x, const float* base, bf16* out, std::int64_t count);
// The same of rms_norm's row, which is `out`, in one pass.
bool rms_norm_difference(const float* x, const float* weight, const float* base, float* out, bf16* d,
                         std::int64_t width, double eps);

// y[r] = base[r] + moved[r] + s[r] · b for `rows` rows: s of `rank` values, `stride` apart between rows; b
// [rank, out]. One of `base` and `moved` may be null and counts as zeros; `base` may be y.
void add_moved(const float* base, const bf16* moved, const float* s, std::int64_t stride, const float* b,
               std::int64_t rank, float* y, std::int64_t rows, std::int64_t out);
void add_low_rank(const double* s, std::int64_t stride, const double* b, std::int64_t rank, double* y,
                  std::int64_t rows, std::int64_t out);

// gate = silu(gate) · up, x / (1 + e^−x).
void silu_gate(float* gate, const float* up, std::int64_t count);
// The same, and d = gate − base rounded; whether anything differs.
bool silu_gate_difference(float* gate, const float* up, const float* base, bf16* d, std::int64_t count);

}  // namespace deltascape::engine::kernels
