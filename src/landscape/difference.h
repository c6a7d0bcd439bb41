// Whether two embeddings differ by more than their probes and their arithmetic explain.
#pragma once

#include "deltascape/compare.h"

namespace deltascape::landscape {

// Empty when neither has an effect.
std::optional<Difference> difference(const store::Record& a, const store::Record& b, Row row);

}  // namespace deltascape::landscape
