// Asking models that are kept in memory again and again: how likely they find completions, what they answer. Many
// sequences run together, and memory is shared between weights and passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "lm/adapter_operators.h"
#include "lm/likelihood.h"
#include "text/detokenizer.h"

namespace deltascape::engine {

// How a budget is shared: weights first, but passes keep a quarter.
struct Shares {
  std::size_t weights, passes;
  bool two;  // whether two models' weights have room beside each other
  // memory: what the user allows; 0: half of what is free, and then passes get no more than 2 GiB: what goes through
  // the model together is seen in the last bits, and must not go by what else runs.
  Shares(std::size_t memory, const model::Checkpoint& base, at::ScalarType dtype);
};

// A model that is asked: its weights and what a variant does to it, how many sequences run together at most, and how
// many bytes a pass may take beside the weights. All outlive the call; `advance` is told of sequences that are done.
struct Asked {
  Weights& weights;
  const VariantOperators& variant;
  std::int64_t together;
  std::size_t bytes;
  const std::function<void(std::int64_t)>& advance;
};

// The sum of each completion's losses (completion_losses()), [examples].
std::vector<double> example_losses(const Asked& asked, std::span<const Example> examples);

struct AnswerOptions {
  std::int64_t tokens = 16;                         // at most so many a prompt
  std::optional<std::int64_t> end;                  // the token that ends an answer, and is no part of it
  std::span<const Random> random{};                 // one for each prompt, as GenerateOptions::random; empty: greedy
  std::function<bool(const std::string&)> ended{};  // whether an answer ends with what it says so far; empty: never
};
// What the model says after each prompt, as text.
std::vector<std::string> answers(const Asked& asked, std::span<const std::vector<std::int64_t>> prompts,
                                 const text::Detokenizer& detokenizer, const AnswerOptions& options);

}  // namespace deltascape::engine
