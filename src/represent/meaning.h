// How likely a model finds given continuations of the probes, by the byte: comparable across bases and tokenizers.
#pragma once

#include "represent/representation.h"

namespace deltascape::represent {

std::unique_ptr<VectorReading> meaning(const Base& base, const Parameters& parameters);

}  // namespace deltascape::represent
