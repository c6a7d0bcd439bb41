// Owns a variant held in memory, for the executions that run one variant at a time: training, generation, evaluation.
#pragma once

#include "adapter/adapter.h"
#include "lm/autograd_ops.h"

namespace deltascape::engine {

struct VariantOperators {
  Operators operators;
  at::Tensor prefix;        // as GenerateOptions::prefix; undefined: none
  at::Tensor virtual_rows;  // as Batch::virtual_rows; undefined: none
};

// All that `adapter` does to a base of this shape, the head's operators too, which are kHead's whether or not the head
// is tied. Throws Error naming the tensor that holds NaN or Inf.
VariantOperators operators_of(const adapter::Adapter& adapter, const model::ModelSpec& spec, at::ScalarType dtype);

}  // namespace deltascape::engine
