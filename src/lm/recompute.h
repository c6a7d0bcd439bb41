// Owns gradient checkpointing (arXiv 1604.06174): of a step only what it read is kept, and its results are made again
// when its gradients are due.
#pragma once

#include "lm/autograd_ops.h"

namespace deltascape::engine {

// run_block() for hidden [rows, hidden] -> the same, with equal results and gradients. A cache that grows is no
// part of it. All but `hidden` outlive the graph; operators may be changed once the gradients are there.
at::Tensor recomputed_block(Weights& weights, const Operators& operators, const Batch& batch, int layer,
                            const at::Tensor& hidden);
// The same of token_losses(), for a head that is trained.
at::Tensor recomputed_losses(Weights& weights, const Operators& operators, const at::Tensor& hidden,
                             const at::Tensor& targets);

}  // namespace deltascape::engine
