// How well variants of one base do a task (docs/design.md §4.4 `eval`): examples in a file -> a number for the base and
// each variant, with its standard error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/progress.h"

namespace deltascape {

struct EvaluateOptions {
  std::string base;  // directory, .gguf file or hub id
  std::string data;  // JSONL: {"prompt","completion"} a line; of choice {"prompt","choices","answer"}
  // exact: what the variant says after the prompt, greedily decoded, is the completion (see `match`)
  // choice: the right one of the choices is the likeliest
  // loss: the mean cross-entropy of a completion's tokens, the token that ends a text among them
  std::string metric = "loss";
  // Of exact. text: equal but for white space around it; contains: the completion stands in it; last-number: the last
  // number in both is the same, without commas, dollar signs and a last full stop, as lm-evaluation-harness's
  // flexible-extract for GSM8K reads it.
  std::string match = "text";
  std::int64_t tokens = 256;       // of exact: at most so many are said
  std::vector<std::string> stops;  // of exact: texts before which a variant's answer ends
  std::int64_t limit = 0;          // the first so many examples; 0: all
  std::int64_t batch = 32;         // examples a pass, where memory allows
  std::string precision = "fp32";  // fp32 | bf16 (products alone) | fp64
  std::size_t memory = 0;          // bytes for weights and passes; 0: half of the machine's free memory
  int threads = 0;                 // 0: all cores this process may use
};

// What a variant made of one example.
struct Prediction {
  std::string name;                 // of the variant
  std::int64_t line = 0;            // of the example in its file, from 1
  std::string said;                 // exact: the variant's answer
  std::vector<double> likelihoods;  // choice: of each choice, the sum of its tokens' log-probabilities
  std::size_t choice = 0;           // choice: the likeliest
  double loss = 0;                  // loss: the sum over the completion's tokens
  std::int64_t tokens = 0;          // loss: how many those are
  bool right = false;               // exact, choice
};

// A variant's value minus the base's, on the same examples, with its 95% interval: of shares Newcombe's for paired
// proportions, of losses Student's from the differences of single examples (src/study/paired.h). p: how likely a
// difference as large is where there is none (McNemar's exact test; paired t). One example has no interval of a loss.
struct PairedDifference {
  double value = 0;
  std::optional<double> low, high, p;
};

struct Evaluation {
  std::string name, label;  // the base is named "base"
  std::string metric;
  double value = 0, standard_error = 0;  // exact and choice: the share that is right; loss: see there
  std::int64_t examples = 0;
  // choice: the share where the likeliest by its mean over a choice's characters is right (lm-evaluation-harness's
  // acc_norm)
  double by_character = 0, by_character_error = 0;
  // loss: its exponential; bits a byte of the completions' text
  double perplexity = 0, bits_per_byte = 0;
  std::optional<PairedDifference> difference;  // to the base; empty for the base itself
};

struct EvaluateReport {
  std::vector<Evaluation> results;  // the base, then the variants in the order given
  std::vector<EmbedFailure> failed;
};

// Reads the base's weights once. `told`, when given, is called for every example of every model, in order.
// Throws Error: kUsage for a bad option, kBadFile naming the data's file and line, and what the base itself fails with.
EvaluateReport evaluate(const std::vector<ModelRef>& models, const EvaluateOptions& options,
                        const std::function<void(const Prediction&)>& told = {},
                        Progress& progress = silent_progress());

}  // namespace deltascape
