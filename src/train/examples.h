// Owns training's examples: the data's texts as token ids, and which of them are too long.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "deltascape/progress.h"
#include "deltascape/train.h"
#include "lm/likelihood.h"
#include "model/checkpoint.h"
#include "train/rows.h"

namespace deltascape::training {

// The prompt's ids as `embed` reads probes, special tokens included; the completion's without any, then the end token.
// Throws Error naming file and line where either has no token.
engine::Example example_of(const text::Tokenizer& tokenizer, const std::filesystem::path& file, const Row& row,
                           const std::string& completion, std::optional<std::int64_t> end);

struct Examples {
  // A row of the data: its completion; or what was chosen, then what was rejected.
  std::vector<std::vector<engine::Example>> rows;
  std::int64_t skipped = 0;
  std::string hash;  // of all ids
};

// Examples as example_of() makes them. Throws Error naming file and line. `before`: virtual tokens that stand before a
// text and count as read.
Examples read_examples(const TrainOptions& options, const model::Checkpoint& base, std::int64_t before,
                       Progress& progress);

}  // namespace deltascape::training
