// Parameters that representations of weights share, each in its one spelling.
#pragma once

#include <initializer_list>
#include <string>

#include "represent/representation.h"

namespace deltascape::represent {

// `value` where it is one of `values`. Throws Error(kUsage) naming the parameter, as the others do.
std::string one_of(const char* parameter, const std::string& value, std::initializer_list<const char*> values);
// A whole number from 1 to `most`; a number above 0 and at most 1. As they are written shortest.
std::string whole_number(const char* parameter, const std::string& value, int most);
std::string share(const char* parameter, const std::string& value);

// Whether every tensor counts, or the linears of the blocks alone.
std::string all_or_linears(const std::string& value);
bool counts_all(const Parameters& parameters);
const Parameter& all_parameter();

}  // namespace deltascape::represent
