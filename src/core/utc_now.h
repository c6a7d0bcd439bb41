// The time of day as records keep it.
#pragma once

#include <string>

namespace deltascape {

std::string utc_now();  // ISO 8601, UTC, to the second

}  // namespace deltascape
