// The one evaluation of what variants do to a linear (adapter/operators.h),
//     y = out_scale ⊙ (W · input(x)) + bias + Σ low_rank(x) + Σ products(x),
// for the rows of several variants, one variant's after the other's. An execution brings how it multiplies.
#pragma once

#include <ATen/ATen.h>

#include <span>

#include "adapter/operators.h"
#include "core/stopwatch.h"
#include "exec/gemm.h"

namespace deltascape::engine {

// What one variant does to a linear; the operators that it shows must outlive it.
struct LinearTerms {
  std::int64_t rows = 0;                        // of this variant
  at::Tensor weight{};                          // its own; undefined: the base's
  at::Tensor bias{};                            // its own or the base's; undefined: none
  at::Tensor out_scale{};                       // undefined: none
  const adapter::InputChange* input = nullptr;  // null: none
  std::span<const adapter::LowRank> low_rank{};
  std::span<const adapter::Product> products{};

  // Whether the base's own product and bias are a part of y as they are.
  bool keeps_base(const at::Tensor& base_bias) const {
    return !weight.defined() && !out_scale.defined() && input == nullptr && bias.is_same(base_bias);
  }
};
// `ops` must outlive the terms. `base_bias` may be undefined.
LinearTerms terms_of(const adapter::ModuleOps& ops, std::int64_t rows, const at::Tensor& base_bias);

// How an execution carries out the steps, each plainly unless it says otherwise. Results are new tensors of x's type,
// where x lies; biases may be undefined.
class LinearSteps {
 public:
  // `multiply`: of factors in operators.
  explicit LinearSteps(adapter::Linear multiply = product, Breakdown* breakdown = nullptr)
      : multiply(multiply), breakdown(breakdown) {}
  virtual ~LinearSteps() = default;

  // Told what the weights of all variants read, before the first product.
  virtual void reads(const at::Tensor&) {}
  // Whether base() takes one variant at a time: then nothing that another one does to its bias changes a bit of it.
  virtual bool one_by_one() const { return false; }
  // W x + bias with the base's weight, for all variants or for v alone: x [their rows, in] -> [their rows, out].
  virtual at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t v) = 0;
  // The same with a weight that variant v brings.
  virtual at::Tensor own(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::size_t v);
  // y and the low-rank terms of all variants; may overwrite y.
  virtual at::Tensor add_low_rank(at::Tensor y, const at::Tensor& x, std::span<const LinearTerms> variants);

  const adapter::Linear multiply;
  Breakdown* const breakdown;
};

// x [rows of all variants, in] -> y [rows, out]. `base_bias`: the base's, which may be undefined. Autograd goes through
// it for one variant.
at::Tensor evaluate(LinearSteps& steps, std::span<const LinearTerms> variants, const at::Tensor& x,
                    const at::Tensor& base_bias);

}  // namespace deltascape::engine
