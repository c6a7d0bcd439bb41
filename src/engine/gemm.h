// Owns matrix products: the faster of at::linear and the oneDNN operator inside the wheel, measured once a process and
// type, with weights reordered once for many products.
#pragma once

#include <ATen/ATen.h>

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
  // of a row would depend on how many stand beside it.
  at::Tensor apply(const at::Tensor& x, const at::Tensor& bias) const;

 private:
  at::Tensor weight_;  // as given, or oneDNN's blocked order
  bool reordered_ = false;
  std::int64_t out_ = 0;
};

// x · Wᵀ for a weight that is used once, such as a variant's own: x [rows, in], weight [out, in] -> [rows, out].
at::Tensor product(const at::Tensor& x, const at::Tensor& weight);

// From here on no timing chooses between the two, so that another process on this machine comes to the same last bits:
// the oneDNN operator it is, wherever it is there and right.
void repeat_products();

// How many times faster this machine multiplies bfloat16 than float, measured once a process. Without instructions for
// it (AVX512-BF16, AMX) it is tens of times slower.
double bfloat16_speedup();
// Whether delta propagation pays: where the processor has such instructions, unless they are plainly slow; elsewhere
// where the measurement leaves no doubt. A busy machine changes neither.
bool bfloat16_is_fast();
bool bfloat16_is_fast(c10::Device device);  // the same there, measured at each call

}  // namespace deltascape::engine
