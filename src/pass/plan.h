// Owns what fits into the memory budget: how many variants run together, in chunks of how many, and how far the reader
// may be ahead.
#pragma once

#include <cstdint>

#include "exec/layout.h"
#include "model/checkpoint.h"
#include "pass/taps.h"

namespace deltascape::engine {

// fp64 and fp32: the plain execution. delta: float32-grade differences at bfloat16 speed (delta_ops.h).
enum class Precision { kFp64, kFp32, kDelta };

// Variants that go through the layers together at most. More save little (the base's own work is shared by so many
// already) and cost their streams.
inline constexpr std::int64_t kMostTogether = 64;

struct Plan {
  std::int64_t group = 1;        // variants in one pass
  std::int64_t chunk = 1;        // variants in one product
  std::uint64_t read_ahead = 0;  // bytes of files in memory at once
  double least = 0;              // bytes that one variant alone needs
  bool check = true;             // whether reduced precision is measured, on the first variant that it concerns
};

// What adapters need, the most of each: a layer's bytes, elements while one module's operators are made or used, and
// virtual tokens.
struct AdapterNeeds {
  std::uint64_t layer_bytes = 0, scratch_elements = 0;
  adapter::VirtualTokens before;
};

// How many variants of so many tokens a product takes there, with the threads that are set, where memory allows.
std::int64_t full_chunk(std::int64_t tokens, c10::Device device = c10::kCPU);

// For `memory` bytes of the device (0: no limit) and `variants` in all.
Plan make_plan(const model::Checkpoint& base, const Layout& layout, const Taps& taps, Precision precision,
               c10::Device device, std::size_t memory, const AdapterNeeds& adapters, std::int64_t variants);

}  // namespace deltascape::engine
