// Embeddings as cosines with anchors of the same space (Moschella et al., arXiv 2209.15430).
#pragma once

#include <vector>

#include "landscape/similarity.h"
#include "store/store.h"

namespace deltascape::landscape {

class Anchors {
 public:
  // The chosen row of each. centred: the direction of their mean is taken off them, and off every embedding.
  // Error(kNumeric) for an anchor that points nowhere then, kMismatch where they are not comparable.
  Anchors(const std::vector<store::Record>& anchors, Row row, bool centred);
  // [anchors]; zeros for an embedding without effect.
  std::vector<float> cosines(const store::Record& record) const;

 private:
  // Of length one; empty where nothing is left but rounding.
  std::vector<double> direction(std::span<const float> values) const;

  Row row_;
  std::vector<double> common_;              // [dim], of length one; zeros: nothing is taken off
  std::vector<std::vector<double>> units_;  // [anchors][dim], of length one
};

// Of records with labels that records of another base have too: how many, and how many have the label of their nearest
// record of another base (space.base_name).
struct Across {
  std::int64_t labelled = 0, matched = 0;
};
Across across_bases(const std::vector<store::Record>& records);

}  // namespace deltascape::landscape
