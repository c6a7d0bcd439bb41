// Owns token ids -> text: what a model has said, from the same files as its tokenizer (tokenizer.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "io/gguf.h"

namespace deltascape::text {

// How a vocabulary writes what its tokens stand for. A space is U+2581 where the vocabulary is not byte-level.
struct TokenForm {
  bool byte_level = false;    // a character a byte (GPT-2)
  bool byte_tokens = false;   // <0x0A> is a byte
  std::string word_end = {};  // a token that ends so ends a word
};
std::string text_of(const TokenForm& form, std::string_view token);

class Detokenizer {
 public:
  // Bytes, which together with a neighbour's may be UTF-8; none for a token that has no text, such as a special one.
  void put(std::int32_t id, std::string bytes) { bytes_[id] = std::move(bytes); }
  // As transformers decodes with skip_special_tokens and without clean-up, but that a first token's leading space
  // stays: what was said goes on from a prompt. Ill-formed bytes become U+FFFD; ids beyond the vocabulary say nothing.
  std::string operator()(std::span<const std::int64_t> ids) const;

 private:
  std::unordered_map<std::int64_t, std::string> bytes_;  // a hostile file's ids may lie far apart
};

// Throw as load_tokenizer() does, and Error(kUnsupported) for WordPiece, which encoders alone have.
Detokenizer load_detokenizer(const std::filesystem::path& folder);
Detokenizer load_detokenizer(const io::GgufFile& gguf);

}  // namespace deltascape::text
