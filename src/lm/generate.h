// Decoding, greedy or by sampling: many sequences a pass, each with its cached keys and values. It never uses deltas
// (docs/design.md §3.5).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "core/random.h"
#include "lm/autograd_ops.h"

namespace deltascape::engine {

struct GenerateOptions {
  std::int64_t tokens = 16;         // at most so many new ones a sequence
  std::vector<std::int64_t> stops;  // a sequence ends with the first of these, which is kept
  // Keys and values to start from, [2·layers, kv_heads, virtual tokens, head_dim]; undefined: none.
  at::Tensor prefix;
  at::Tensor virtual_rows{};  // as Batch::virtual_rows
  // Whether a sequence ends with what it has said so far, its last token just added; empty: stops alone decide.
  std::function<bool(std::span<const std::int64_t>)> ended{};
  // One for each prompt: its tokens are drawn from the model's distribution by these, one number a token, whatever else
  // runs. Empty: each token is the likeliest.
  std::vector<Random> random{};
  bool logits = true;  // whether Generated has them: they take [new tokens, vocabulary] a sequence
};

struct Generated {
  std::vector<std::vector<std::int64_t>> ids;  // the new tokens of each sequence
  std::vector<at::Tensor> logits;              // what each was chosen from, [new tokens, vocabulary]; empty unasked
};

// The token at which a distribution's cumulated probability passes u, of [0, 1): e^scores, not normalised, [count].
// Throws Error(kNumeric) where the scores are no numbers.
template <class T>
std::int64_t drawn(std::span<const T> scores, double u);

// An encoder-decoder reads the prompt with its encoder. Keys and values take generated_bytes(). Throws Error: kUsage
// for a prompt without tokens, kNumeric where the model gives no numbers.
Generated generate(Weights& weights, const Operators& operators, const std::vector<std::vector<std::int64_t>>& prompts,
                   const GenerateOptions& options);

// Of one sequence that has so many rows at the end, prompt and virtual tokens among them.
std::size_t generated_bytes(const model::ModelSpec& spec, std::int64_t rows, at::ScalarType dtype);

// A prefix as PEFT stores it, prompt_embeddings [virtual tokens, layers·2·kv_heads·head_dim] -> [2·layers, kv_heads,
// virtual tokens, head_dim], k and v of each layer in turn. Throws Error(kMismatch) for a prefix of another model.
at::Tensor prefix_from_peft(const model::ModelSpec& spec, const at::Tensor& prompt_embeddings);

}  // namespace deltascape::engine
