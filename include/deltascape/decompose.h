// A variant as a sum of others with weights above zero (docs/design.md §5.4).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/similarity.h"
#include "deltascape/store.h"

namespace deltascape::landscape {

struct DecomposeOptions {
  std::size_t k = 5;            // parts at most; 0: as many as non-negative least squares over all takes
  bool without_common = false;  // the direction of the pool's mean is taken off everything first
  Row row = {};
};

// One part. The interval takes the parts as given: weights are found again without each probe, the choice is not.
struct Part {
  std::string name, label;
  double weight = 0;
  std::optional<double> low, high;  // 95 % over probes; empty without deltas by probe
  // Of the model's squared norm what is left in addition when this part alone is missing, and of the part's own what
  // lies in the span of the other parts. Empty where so many parts of so many candidates would take too long.
  std::optional<double> share, parallel;
  // Variants that explain as much in its place, but for kEqual of the squared norm; the best ten, and how many there
  // are. Empty for a part whose own share is less.
  std::vector<std::string> instead;
  std::size_t instead_count = 0;
};
inline constexpr double kEqual = 0.01;
// Weights of parts beyond this share in the span of the others trade off: their sum says something, each alone little.
inline constexpr double kParallel = 0.95;

struct Decomposition {
  std::vector<Part> parts;          // the heaviest first
  double residual = 0;              // share of the squared norm that is left
  std::optional<double> low, high;  // of the residual
  std::size_t candidates = 0;
  bool without_common = false;
  double common_share = 0;  // of the model's squared norm that lay along the common direction, where it was taken off
  // No part has others in its place, and none is parallel to the rest. Empty where the parts' shares are.
  std::optional<bool> unique;
};

// The pool is the others and the model; `others` with the model's content take no part. Error(kMismatch) when the
// records are not comparable or the model has no effect, kNotFound without others.
Decomposition decompose(const store::Record& model, const std::vector<store::Record>& others,
                        const DecomposeOptions& options = {});

struct StoredDecomposeOptions : DecomposeOptions {
  std::string model;                    // as Store::resolve() takes it
  std::vector<std::string> into = {};   // the same; empty: all of the pool
  std::vector<std::string> where = {};  // of the pool, as Query's
  store::SpaceChoice choice = {};       // `row` follows from it
};
struct StoredDecomposition {
  std::string name;  // of the model
  Decomposition decomposition;
};
// In the one space in which all named variants are measured and which the choice leaves. Error(kMismatch) for several
// such spaces, and for none.
StoredDecomposition decompose(const store::Store& store, const StoredDecomposeOptions& options);

}  // namespace deltascape::landscape
