// Inner products of variants as sums over tensors: every tensor is read once for as many variants as memory holds.
#pragma once

#include <functional>

#include "represent/weight_deltas.h"
#include "represent/weight_parameters.h"

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

// What representations of weights have in common.
class WeightReading : public ProductReading {
 public:
  // `base` outlives it; `name` is the table's.
  WeightReading(const Base& base, const char* name, const Parameters& parameters)
      : base_(base), parameters_(parameters), name_(name) {}
  store::Space space() const override;  // of no probes

 protected:
  std::vector<CountedTensor> tensors() const { return counted_tensors(*base_.model, counts_all(parameters_)); }

  const Base& base_;
  const Parameters parameters_;

 private:
  const char* name_;
};

}  // namespace deltascape::represent
