// Owns the product of a few rows with a weight whose file holds it in bfloat16: such a product takes as long as the
// weight takes to be read, so it is read as it is, and everything is computed in float32.
#pragma once

#include <cstdint>

#include "exec/kernels.h"

namespace deltascape::engine::kernels {

// Beyond so many rows a product computes more than it waits for memory.
inline constexpr std::int64_t kFewRows = 8;

// y[r][o] = Σ x[r][i] · w[o][i] for outputs o in first … end-1: x [rows, in], w [out, in], y [rows, out]. A row's
// result depends on no other row's values.
void few_rows(const float* x, const bf16* w, float* y, std::int64_t rows, std::int64_t in, std::int64_t out,
              std::int64_t first, std::int64_t end);

}  // namespace deltascape::engine::kernels
