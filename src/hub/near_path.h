// Owns "did you mean" for paths: what is on disk near a path that is not there.
#pragma once

#include <string>

#include "deltascape/error.h"

namespace deltascape::hub {

// A path that is there and differs from `path`, which is not, by a slip in one or more of its components; else empty.
std::string near_path(const std::string& path);

// Throws `e` again; where nothing was found (kNotFound, kIo) and something is near, with the question at its end.
[[noreturn]] void rethrow_with_near_path(const Error& e, const std::string& path);

}  // namespace deltascape::hub
