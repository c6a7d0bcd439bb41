// Owns reading a JSON number as `tokenizers` does it: its parser (serde_json) rounds twice, so that one score in ten is
// one bit away from the nearest double, and ties between segmentations fall differently.
#pragma once

#include <string_view>

namespace deltascape::text {

// `number` is a JSON number with a fraction or an exponent. One that is too large gives infinity.
double rust_number(std::string_view number);

// What `tokenizers` has of a number after it has written it to JSON and read it again.
double through_rust_json(double value);

}  // namespace deltascape::text
