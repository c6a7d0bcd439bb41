// Owns text -> token ids, equal to what Hugging Face `tokenizers` gives for the same files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/gguf.h"

namespace deltascape::text {

struct EncodeOptions {
  bool add_special_tokens = true;  // the post-processor's BOS/EOS template
  std::size_t max_length = 0;      // 0: no truncation; else keep the first ids, special tokens included (HF's rule;
                                   // the last ones where the folder says truncation_side left)
};

// Immutable and thread-safe after loading.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // `text` is UTF-8; ill-formed bytes count as U+FFFD, as Python reads them with errors="replace". An empty text gives
  // the special tokens alone. Strings of special tokens inside the text are those tokens, as in transformers.
  virtual std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const = 0;
  // Hash of everything that decides ids (vocabulary, merges, rules): equal identities give equal ids.
  virtual std::string identity() const = 0;
  virtual std::size_t vocabulary_size() const = 0;
};

// tokenizer.json in `folder`, read together with tokenizer_config.json where that changes ids as
// transformers.AutoTokenizer does by default. Throws Error(kNotFound) when there is none, kUnsupported by name for
// components this program does not have.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);
// The vocabulary inside a GGUF file (tokenizer.ggml.model gpt2 or llama), by llama.cpp's rules: tokenizer.ggml.pre
// decides how text is split, and BOS and EOS follow the file or else the kind of vocabulary.
std::unique_ptr<Tokenizer> load_tokenizer(const io::GgufFile& gguf);

}  // namespace deltascape::text
