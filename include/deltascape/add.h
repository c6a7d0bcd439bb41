// Whether one variant is the sum of others, and which variants are near such a sum (docs/design.md §5.4).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/near.h"
#include "deltascape/similarity.h"
#include "deltascape/store.h"

namespace deltascape::landscape {

struct AddOptions {
  std::size_t k = 5;            // how many of the nearest; 0: all
  bool without_common = false;  // the direction of the pool's mean is taken off everything first
  Row row = {};
};

struct Addend {
  std::string name, label;
  double norm = 0;  // without_common: of what is beside the common direction
  Similarity with;  // its cosine with `is`; without one, with the sum
};

// By how much the sum is nearer than the nearest of its parts alone.
struct Gain {
  std::string over;  // that part
  double value = 0;  // cosine of the sum with `is` minus the part's
  std::optional<double> low, high;
};

// Intervals are of 95 % over probes (similarity.h).
struct Addition {
  double norm = 0;  // of the sum
  std::vector<Addend> each;
  bool without_common = false;
  // Of one variant that may be the sum:
  std::optional<Addend> is;        // `with`: the sum
  std::optional<double> distance;  // ‖is − sum‖/‖is‖
  std::optional<Gain> gain;
  // Else the variants nearest to the sum, its parts left out.
  std::vector<Neighbour> nearest;
};

// `pool`: the records whose mean is the common direction, and that are searched when `is` is null. Error(kUsage) for
// fewer than two parts, kMismatch when records are not comparable.
Addition add(const std::vector<store::Record>& parts, const store::Record* is, const std::vector<store::Record>& pool,
             const AddOptions& options = {});

struct StoredAddOptions : AddOptions {
  std::vector<std::string> parts;       // as Store::resolve() takes them
  std::string is;                       // the same, or empty
  std::vector<std::string> where = {};  // of the pool, as Query's
  store::SpaceChoice choice = {};       // `row` follows from it
};
// In the one space in which all named variants are measured and which the choice leaves. Error(kMismatch) for several
// such spaces, and for none.
Addition add(const store::Store& store, const StoredAddOptions& options);

}  // namespace deltascape::landscape
