// Owns what a GGUF file's tokenizer.ggml.pre stands for.
#pragma once

#include <string>
#include <string_view>

#include "io/json.h"

namespace deltascape::text {

// How llama.cpp splits text for one name of tokenizer.ggml.pre, in the words of tokenizer.json.
struct GgufPreTokenizer {
  io::Json pre_tokenizer;
  bool ignore_merges = false;
  bool add_bos = false;  // where the file has no tokenizer.ggml.add_bos_token
};

// Throws Error(kUnsupported) with the name where it is not known.
GgufPreTokenizer gguf_pre_tokenizer(std::string_view name, const std::string& where);

}  // namespace deltascape::text
