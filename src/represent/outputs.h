// What a model answers to the probes, as a sentence encoder sees it.
#pragma once

#include "represent/representation.h"

namespace deltascape::represent {

std::unique_ptr<VectorReading> outputs(const Base& base, const Parameters& parameters);

}  // namespace deltascape::represent
