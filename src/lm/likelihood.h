// Owns how likely completions are after their prompts: what supervised training minimises, what preferences compare,
// and what evaluation reads.
#pragma once

#include <span>

#include "lm/autograd_ops.h"

namespace deltascape::engine {

struct Example {
  std::vector<std::int64_t> prompt, completion;  // token ids; neither is empty
  std::int64_t tokens() const { return static_cast<std::int64_t>(prompt.size() + completion.size()); }
};

// What stands before every text, and how the pass is run.
struct LikelihoodOptions {
  at::Tensor prefix{};        // as GenerateOptions::prefix; gradients reach it
  at::Tensor virtual_rows{};  // as Batch::virtual_rows
  TrainingPass training{};
};

// The negative log-likelihood of each completion's tokens, given all that stands before them, example after example:
// [completion tokens of all]. Examples are packed and do not see each other; logits are made for these tokens alone. An
// encoder-decoder reads the prompt with its encoder. Throws Error(kUnsupported) for an encoder alone.
at::Tensor completion_losses(Weights& weights, const Operators& operators, std::span<const Example> examples,
                             const LikelihoodOptions& options = {});
// How many rows at the beginning of all prompts are computed once for all examples: what stands before them is the
// same. 0 where that does not pay, or where a row is not the same in every example (dropout) or the model
// (autograd_ops.h).
std::int64_t shared_beginning(const model::ModelSpec& spec, std::span<const Example> examples,
                              const LikelihoodOptions& options = {});
// The sum of each example's part of that: [examples].
at::Tensor by_example(const at::Tensor& losses, std::span<const Example> examples);

}  // namespace deltascape::engine
