// The shift of the next token's scores: logits after a probe, variant minus base.
#pragma once

#include "represent/representation.h"

namespace deltascape::represent {

std::unique_ptr<VectorReading> logits(const Base& base, const Parameters& parameters);

}  // namespace deltascape::represent
