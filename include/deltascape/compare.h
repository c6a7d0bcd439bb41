// Two variants side by side (docs/design.md §4.4 `compare`).
#pragma once

#include "deltascape/similarity.h"
#include "deltascape/store.h"

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

// Two stored variants, and how they compare.
struct StoredComparison {
  store::Record a, b;
  Comparison comparison;
};
// In the one space in which both are measured and which the choice leaves. a, b: as Store::resolve() takes them.
// Error(kMismatch) for several such spaces, and for none.
StoredComparison compare(const store::Store& store, const std::string& a, const std::string& b,
                         const store::SpaceChoice& choice = {});

}  // namespace deltascape::landscape
