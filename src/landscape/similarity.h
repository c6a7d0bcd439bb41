// The cosines that the rest of this room shares.
#pragma once

#include "deltascape/similarity.h"

namespace deltascape::landscape {

// From the products of two vectors with each other and with themselves.
std::optional<double> cosine_of(double ab, double aa, double bb);

}  // namespace deltascape::landscape
