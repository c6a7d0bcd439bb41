// Owns the silhouette of one sample from sums of distances: labels and found clusters share it.
#pragma once

#include <cstddef>
#include <span>

namespace deltascape::landscape {

// distance_sums[c]: from the sample to the members of class c, itself at 0; sizes[c]: members, itself included.
// A sample alone in its class has 0, as in scikit-learn.
double silhouette_sample(std::span<const double> distance_sums, std::span<const std::size_t> sizes, std::size_t own);

}  // namespace deltascape::landscape
