// What becomes of a statistic of a few embeddings when probes are left out or drawn again (docs/design.md §5.4).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "deltascape/record.h"
#include "landscape/nnls.h"

namespace deltascape::landscape {

// Inner products of embeddings, each the mean of its deltas over the probes under any weights of them.
class ProbeProducts {
 public:
  // Empty where the deltas by probe are not kept of all, differ in number, or are too many to hold their products.
  static std::optional<ProbeProducts> of(std::span<const store::Record* const> records);

  std::size_t probes() const { return probes_; }
  // One weight a probe; they add up to one. A vector that the weights cancel is a row of zeros.
  Gram at(std::span<const double> weights) const;

 private:
  std::size_t records_ = 0, probes_ = 0;
  std::vector<double> products_;  // [records · probes, records · probes]
};

// Numbers made of the embeddings' inner products; NaN for one that does not exist.
using Statistic = std::function<std::vector<double>(const Gram&)>;

struct Bounds {
  double low = 0, high = 0;
  // Cut to these limits; the value, which may come from embeddings that were rounded, inside.
  Bounds around(double value, double least, double most) const;
};

// 95 % intervals of each number over probes of which those at hand are a sample: the jackknife's bias is taken off
// (noise of the probes makes vectors longer, and cosines smaller), Student's t with one degree of freedom less than
// there are probes gives the width, and the number itself is inside. Empty where a replicate does not exist.
std::vector<std::optional<Bounds>> jackknife(const ProbeProducts& products, const Statistic& statistic);

// The same by drawing probes again, 2000 times: Efron's basic interval. Empty with five probes or fewer.
std::vector<std::optional<Bounds>> bootstrap(const ProbeProducts& products, const Statistic& statistic,
                                             std::uint64_t seed = 0);

}  // namespace deltascape::landscape
