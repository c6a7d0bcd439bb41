// The steps that k-means and the cells of neighbour_lists.h share.
#pragma once

#include "landscape/rows.h"

namespace deltascape::landscape {

struct Centres {
  std::size_t count = 0;
  std::vector<double> values;   // [count, width]
  std::vector<double> offsets;  // taken off the products with each; empty: none
};

// For each of the rows `which` the centre with the largest product, less its offset; of equal ones the first.
struct Assigned {
  std::vector<std::size_t> group;
  std::vector<double> product;
};
Assigned assign(const Rows& rows, Which which, const Centres& centres);

// [0, 1), the same on every platform (the standard's distributions are not). Random: a generator of 64 bits.
template <class Random>
double uniform(Random& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

}  // namespace deltascape::landscape
