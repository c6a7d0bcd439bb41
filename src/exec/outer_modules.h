// Owns the modules outside the blocks that rows go through: a norm, and a linear from or to the width of the
// embeddings.
#pragma once

#include <ATen/ATen.h>

#include "adapter/operators.h"
#include "exec/layer_weights.h"
#include "model/checkpoint.h"

namespace deltascape::engine {

// A linear with what a variant does to it.
struct OuterLinear {
  at::Tensor weight, bias;  // [out, in], [out]; undefined: what it reads goes on as it is; no bias
  adapter::ModuleOps ops;

  at::Tensor apply(const at::Tensor& x) const;  // [rows, in] -> [rows, out]
};
OuterLinear loaded_linear(const model::Checkpoint& model, model::Module module, at::ScalarType dtype);

// What comes after the last block; a model may have both, either or none.
struct Ending {
  Norm norm;
  OuterLinear projection;

  at::Tensor apply(const model::ModelSpec& spec, const at::Tensor& x) const;  // [rows, hidden] -> [rows, width]
};
Ending loaded_ending(const model::Checkpoint& model, at::ScalarType dtype);

}  // namespace deltascape::engine
