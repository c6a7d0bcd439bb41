// Changes of weights in their singular directions, which do not depend on how an adapter factors them: after W2T
// (arXiv 2603.15990), untrained.
#pragma once

#include "represent/representation.h"
#include "represent/weight_deltas.h"

namespace deltascape::represent {

std::string canonical_rank(const std::string& value);
std::unique_ptr<ProductReading> canonical(const Base& base, const Parameters& parameters);

// left = U √Σ [rows, k] and right = V √Σ [columns, k] of the leading k ≤ rank directions of ΔW = U Σ Vᵀ that rounding
// leaves. Exact to rounding for factors and where the smaller side is at most 256; else by block Krylov iteration
// (Musco and Musco, arXiv 1504.05477) on ΔW in float32.
WeightDelta leading_directions(const WeightDelta& delta, std::int64_t rows, std::int64_t columns, std::int64_t rank);

}  // namespace deltascape::represent
