// Owns the examples of an evaluation: a file's rows as token ids, checked before anything runs.
#pragma once

#include <optional>
#include <vector>

#include "deltascape/evaluate.h"
#include "lm/likelihood.h"
#include "text/tokenizer.h"
#include "train/rows.h"

namespace deltascape::study {

struct EvaluationData {
  std::vector<training::Row> rows;
  // Of each row: its completion, or every choice; of exact its prompt with a completion that is not read.
  std::vector<std::vector<engine::Example>> examples;
  std::optional<std::int64_t> end;  // the token that ends a text
  std::size_t tokens = 0;           // that the tokenizer knows
};

// Token ids are those of training, but that no choice has the token that ends a text. Throws Error naming file and
// line.
EvaluationData read_evaluation(const EvaluateOptions& options, const model::Checkpoint& base, Progress& progress);
// The same rows as the tokens of a variant's own tokenizer, whose files lie in `variant`.
EvaluationData read_with(const EvaluateOptions& options, const model::Checkpoint& base, const EvaluationData& of_base,
                         const std::filesystem::path& variant, const text::Tokenizer& tokenizer);

}  // namespace deltascape::study
