// Owns how a number is mixed: every bit of the input moves every bit of the output.
#pragma once

#include <cstdint>

namespace deltascape {

// The step between the states of SplitMix64, and its finaliser (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
// Generators, 2014).
inline constexpr std::uint64_t kSplitMixStep = 0x9E3779B97F4A7C15U;
constexpr std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

}  // namespace deltascape
