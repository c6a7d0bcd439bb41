// Owns what can be said about two variants side by side.
#pragma once

#include "landscape/similarity.h"

namespace deltascape::landscape {

struct Comparison {
  Similarity similarity;                                   // of the chosen row
  double norm_a = 0, norm_b = 0;                           // ‖Δ‖ of the chosen row
  std::optional<double> relative_norm_a, relative_norm_b;  // ‖Δ‖/‖h‖; known for the last row only
  std::optional<double> norm_ratio;                        // norm_a / norm_b, empty when b has no effect
  std::vector<std::optional<double>> layers;               // cosine a row when embedded with --layer all, else empty
};

// Error(kMismatch) when the two are not comparable.
Comparison compare(const store::Record& a, const store::Record& b, Row row = {});

}  // namespace deltascape::landscape
