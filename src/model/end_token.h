// The token that ends a text, as a model's files name it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "model/checkpoint.h"

namespace deltascape::model {

// tokenizer_config.json's eos_token, else generation_config.json's or config.json's eos_token_id; of a GGUF its
// metadata's. Nothing where none of them names one that the base has.
std::optional<std::int64_t> end_token(const Checkpoint& base, const text::Tokenizer& tokenizer);
// The same of the files in a model's folder, or its GGUF; a token below `vocabulary`.
std::optional<std::int64_t> end_token(const std::filesystem::path& path, std::int64_t vocabulary,
                                      const text::Tokenizer& tokenizer);

}  // namespace deltascape::model
