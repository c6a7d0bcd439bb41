// The cosines that the rest of this room shares.
#pragma once

#include "deltascape/similarity.h"
#include "landscape/nnls.h"

namespace deltascape::landscape {

// From the products of two vectors with each other and with themselves.
std::optional<double> cosine_of(double ab, double aa, double bb);
// The cosine of the first two vectors, as a statistic of probes.h.
std::vector<double> cosine_of_two(const Gram& products);

}  // namespace deltascape::landscape
