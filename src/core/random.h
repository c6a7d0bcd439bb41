// Random numbers of training and sampling: a value is a function of seed, purpose and count alone, so that a resumed
// run, another order of asking or another machine gets the same ones.
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "core/mix.h"

namespace deltascape {

// What numbers are drawn for; equal counts of different purposes have nothing to do with each other.
enum class Purpose : std::uint64_t { kOrder = 1, kDropout = 2, kStart = 3, kSample = 4 };

class Random {
 public:
  Random(std::uint64_t seed, Purpose purpose, std::uint64_t which)
      : key_(mixed(mixed(mixed(seed) + static_cast<std::uint64_t>(purpose)) + which)) {}
  std::uint64_t next() { return mixed(key_ + kSplitMixStep * ++count_); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // [0, 1)

 private:
  std::uint64_t key_, count_ = 0;
};

// 0 … n-1 in a random order. That n is no power of two favours nothing that a training run could notice.
inline std::vector<std::size_t> shuffled(std::size_t n, Random random) {
  std::vector<std::size_t> out(n);
  std::iota(out.begin(), out.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) std::swap(out[i - 1], out[random.next() % i]);
  return out;
}

}  // namespace deltascape
