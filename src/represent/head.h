// A model's head in float64, a part of its vocabulary at a time: the differences between a variant's logits and the
// base's are small beside the logits.
#pragma once

#include <ATen/ATen.h>

#include "adapter/operators.h"
#include "model/checkpoint.h"

namespace deltascape::represent {

class Head {
 public:
  // `model` outlives it. rows: of its vocabulary, so many of the first. memory: bytes that a part may take. Throws
  // Error(kUnsupported) for a model that predicts no next token, kNotFound for a checkpoint without its head.
  Head(const model::Checkpoint& model, std::int64_t rows, std::size_t memory);
  std::int64_t rows() const { return rows_; }

  // What the head reads of hidden states after the final norm: x [rows, width] in float64, scaled.
  at::Tensor read(const at::Tensor& hidden) const;
  // x · Wᵀ without bias, [rows, vocabulary]; with a weight of a variant's own [its vocabulary, width] in any type.
  at::Tensor product(const at::Tensor& x) const;
  at::Tensor product(const at::Tensor& x, const at::Tensor& weight) const;
  // All that stands between x and the logits but the soft cap: with a variant's operators.
  at::Tensor scores(const at::Tensor& x) const;
  at::Tensor scores(const at::Tensor& x, const adapter::ModuleOps& ops) const;
  at::Tensor capped(const at::Tensor& scores) const;

 private:
  template <class Part>
  at::Tensor by_parts(const at::Tensor& x, const Part& part) const;

  const model::Checkpoint& model_;
  model::Module table_;
  std::int64_t rows_, at_once_;
  at::Tensor bias_;  // [rows], or undefined
};

}  // namespace deltascape::represent
