// Owns what an adapter does to one module: operators beside the base's weights, never a change of them (docs/design.md
// §3.3).
//     y = out_scale ⊙ (W · input(x)) + Σ low_rank(x) + Σ products(x) + bias
// A table (token embedding) is read as a linear whose x has a one at the row's place.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <vector>

namespace deltascape::adapter {

// y += scale · B (A x), LoRA (arXiv 2106.09685). a: [r, in], b: [out, r].
struct LowRank {
  at::Tensor a, b;
  double scale = 1;
};

// x · Wᵀ for x [rows, in] and a weight [out, in]. ATen's sums in an order that goes by the number of threads; the
// engine brings one that does not (exec/gemm.h).
using Linear = at::Tensor (*)(const at::Tensor& x, const at::Tensor& weight);
at::Tensor aten_linear(const at::Tensor& x, const at::Tensor& weight);

// y += scale · ΔW x for a ΔW [out, in] that is small as a product of factors and large as a matrix.
struct Product {
  enum class Kind {
    kHadamard,   // ΔW = (left · right) ⊙ (left2 · right2): left, left2 [out, r]; right, right2 [r, in] (LoHa)
    kKronecker,  // ΔW = left ⊗ right: left [out1, in1], right [out2, in2] (LoKr)
  };
  Kind kind;
  double scale = 1;
  at::Tensor left, right, left2, right2;

  // [rows, in] -> [rows, out], what is added.
  at::Tensor apply(const at::Tensor& x, Linear linear = aten_linear) const;
};

// What the base's weight reads in place of x: scale ⊙ x, x + (x Aᵀ) B, or x with runs of b features turned by a block
// each.
struct InputChange {
  at::Tensor scale;     // [in], or undefined
  at::Tensor a, b;      // [r, in] both, or undefined
  at::Tensor blocks{};  // [in / b, b, b], or undefined

  at::Tensor apply(const at::Tensor& x, Linear linear = aten_linear) const;  // [rows, in] -> the same
};

// Rows of the weight that others take the place of: ids [n] (int64), rows [n, in]. Both undefined: none.
struct RowChange {
  at::Tensor ids, rows;
  bool defined() const { return ids.defined(); }
};

struct ModuleOps {
  std::vector<LowRank> low_rank;
  at::Tensor weight;  // undefined, or takes the place of the base's (modules_to_save)
  at::Tensor bias;    // undefined, or takes the place of the base's (LoRA `bias`, modules_to_save)
  at::Tensor out_scale{};
  std::vector<Product> products{};
  std::optional<InputChange> input{};
  RowChange rows{};  // of the token embedding and of the head alone
  bool empty() const {
    return low_rank.empty() && !weight.defined() && !bias.defined() && !out_scale.defined() && products.empty() &&
           !input && !rows.defined();
  }
};

}  // namespace deltascape::adapter
