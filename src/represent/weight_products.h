// Inner products of variants as sums over tensors: every tensor is read once for as many variants as memory holds.
#pragma once

#include <functional>

#include "represent/weight_deltas.h"

namespace deltascape::represent {

// What two variants' parts of one tensor give.
enum class Pairing {
  kEntries,    // Σ ΔW ⊙ ΔW', of factors without forming either
  kSubspaces,  // (‖leftᵀ left'‖² + ‖rightᵀ right'‖²) / 2: factors alone
};

// Part of a tensor that a member has. Throws Error where the member has to be left out.
using PartOf = std::function<WeightDelta(std::size_t member, const CountedTensor& tensor)>;

// [fresh, members], in float64 throughout; the same to some 1e-15 of the norms whatever the company. `memory`: bytes.
Products sum_products(std::span<const CountedTensor> tensors, const PartOf& part, std::size_t members,
                      std::size_t fresh, Pairing pairing, std::size_t memory, Progress& progress);

// Bytes that reading weights may take; on the processor whatever the device.
std::size_t weights_memory(const Base& base);
// The space of a representation of weights, which reads no probes.
store::Space weights_space(const Base& base, const std::string& name, std::map<std::string, std::string> parameters);

}  // namespace deltascape::represent
