// The paper's own representation: hidden states at a tap, variant minus base (arXiv 2509.04442 §3).
#pragma once

#include "represent/representation.h"

namespace deltascape::represent {

std::unique_ptr<VectorReading> activations(const Base& base, const Parameters& parameters);

}  // namespace deltascape::represent
