// What tokenizes for a model, wherever the model keeps it.
#pragma once

#include <filesystem>
#include <memory>

#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace deltascape::text {

// Of the folder, or of the GGUF, at that path. Throw as load_tokenizer() and load_detokenizer() do.
std::unique_ptr<Tokenizer> open_tokenizer(const std::filesystem::path& model);
Detokenizer open_detokenizer(const std::filesystem::path& model);

}  // namespace deltascape::text
