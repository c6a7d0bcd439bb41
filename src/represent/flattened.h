// Weights laid end to end: the changes ΔW, or the factors of LoRA as the baseline of arXiv 2509.04442 has them.
#pragma once

#include "represent/representation.h"

namespace deltascape::represent {

std::string flattened_form(const std::string& value);
std::unique_ptr<ProductReading> flattened(const Base& base, const Parameters& parameters);

}  // namespace deltascape::represent
