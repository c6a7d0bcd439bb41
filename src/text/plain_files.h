// Owns the files older than tokenizer.json: vocab.json with merges.txt, vocab.txt, and SentencePiece models, read into
// a TokenizerSpec as transformers converts them for a tokenizer class.
#pragma once

#include <filesystem>
#include <string>

#include "text/tokenizer_spec.h"

namespace deltascape::text {

// Fills vocabulary, merges or pieces, and `spec.file`, from the file that transformers takes for the class `name` in a
// folder without tokenizer.json. `settings` is tokenizer_config.json (an object). Throws Error(kNotFound) where the
// folder has none.
void read_plain_files(const std::filesystem::path& folder, const std::string& name, const io::Json& settings,
                      TokenizerSpec& spec);

}  // namespace deltascape::text
