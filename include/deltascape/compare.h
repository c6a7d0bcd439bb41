// Two variants side by side (docs/design.md §4.4 `compare`).
#pragma once

#include "deltascape/similarity.h"
#include "deltascape/store.h"

namespace deltascape::landscape {

// Whether two variants differ beyond noise: by more than numerical error, and alike on every probe. Retraining with
// another seed makes a variant that differs; how much of a difference that is, two variants cannot say.
struct Difference {
  double distance = 0;  // ‖a − b‖ over the longer of the two
  double numeric = 0;   // at most so much of it is numerical error: what was measured, else the contract's bound
  // How likely the probes alone make the differences agree as much where there is none: one-sided t over the products
  // of a − b on each two probes. Empty with fewer than three probes, or without deltas by probe.
  std::optional<double> p;
  // distance > numeric and p < 0.05. Empty where that is open.
  std::optional<bool> differ;
};

struct Comparison {
  Similarity similarity;                                   // of the chosen row
  double norm_a = 0, norm_b = 0;                           // ‖Δ‖ of the chosen row
  std::optional<double> relative_norm_a, relative_norm_b;  // ‖Δ‖/‖h‖; known for the last row only
  std::optional<double> norm_ratio;                        // norm_a / norm_b, empty when b has no effect
  std::optional<double> bootstrap_low, bootstrap_high;     // of the cosine, by drawing probes again; of six or more
  std::optional<Difference> difference;                    // empty when neither has an effect
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
