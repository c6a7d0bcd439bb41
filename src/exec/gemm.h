// Owns matrix products: the oneDNN operator inside the wheel wherever it is there and right, else at::linear, with
// weights reordered once for many products. Nothing here is chosen by a timing, and what a row gives depends neither on
// the rows beside it nor on the number of threads: in float32 that is how the operator works (at::linear's does not),
// in bfloat16 with AMX it sums in an order that goes by the number of rows, so a PackedWeight's products are cut into
// pieces of fixed shapes there.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "core/processor.h"

namespace deltascape::engine {

// A linear's weight, ready to be multiplied. Read-only and shared by all variants.
class PackedWeight {
 public:
  PackedWeight() = default;
  // weight: [out, in], float, double or bfloat16. It is reordered for products of `rows` rows where that pays for
  // `all_rows` of them in all; else it is used as it is.
  PackedWeight(at::Tensor weight, std::int64_t rows, std::int64_t all_rows);
  // Whether the constructor would make a reordered copy, so that what is given may be overwritten or go.
  static bool copies(at::ScalarType type, std::int64_t elements, std::int64_t all_rows);
  bool defined() const { return out_ > 0; }
  // x: [rows, in] -> [rows, out] = x · Wᵀ (+ bias [out], which may be undefined). Never runs below 16 rows: results
  // of a row would depend on how many stand beside it. `each`: rows that belong together, one variant's; 0: all.
  at::Tensor apply(const at::Tensor& x, const at::Tensor& bias, std::int64_t each = 0) const;

 private:
  std::vector<at::Tensor> parts_;  // runs of outputs, as given or in oneDNN's blocked order; one where nothing is cut
  std::int64_t out_ = 0;
};

// x · Wᵀ for a weight that is used once: x [rows, in], weight [out, in] -> [rows, out]. In one piece: in bfloat16 the
// last bits go by the rows and the threads together.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight);

// Whether delta propagation pays on a device, and why: by the processor's features or the GPU's compute capability.
Bfloat16Verdict bfloat16_on(c10::Device device);

}  // namespace deltascape::engine
