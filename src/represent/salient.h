// Which entries of the weights a variant changes most: the overlap of such masks.
#pragma once

#include "represent/representation.h"

namespace deltascape::represent {

std::string salient_fraction(const std::string& value);
std::unique_ptr<ProductReading> salient(const Base& base, const Parameters& parameters);

}  // namespace deltascape::represent
