// Owns the small texts of the command line: sizes, shards, and getting them past CLI11 unharmed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "deltascape/error.h"
#include "deltascape/models.h"

namespace deltascape::cli {

// "4GiB", "500MB", "1.5g", "4096": bytes. K, M, G, T and KiB … are powers of 1024 where an i or a bare letter stands,
// kB, MB … powers of 1000. Error(kUsage) names the option.
std::size_t parse_size(const std::string& text, const std::string& option);

// "i/n", 1 <= i <= n.
Shard parse_shard(const std::string& text);

// CLI11 takes an argument "[a,b]" for a list and takes it apart. shield() marks such arguments before parsing,
// unshield() (a transform of every option) removes the mark.
std::vector<std::string> shield(int argc, const char* const* argv);
std::string unshield(std::string argument);

// docs/design.md §4.1.
constexpr int kExitDone = 0, kExitFailed = 1, kExitUsage = 2, kExitSome = 3;
inline int exit_code(const Error& error) { return error.code() == ErrorCode::kUsage ? kExitUsage : kExitFailed; }
inline int exit_code(std::size_t succeeded, std::size_t failed) {
  return failed == 0 ? kExitDone : succeeded == 0 ? kExitFailed : kExitSome;
}

}  // namespace deltascape::cli
