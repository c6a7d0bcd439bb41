// Owns SentencePiece's BPE: pieces merged by score, best first, as the `llama` vocabulary of a GGUF file needs it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "text/vocabulary.h"

namespace deltascape::text {

// Immutable and thread-safe.
class Spm {
 public:
  // `vocabulary` holds the pieces that merges may make; `scores` is by id; `byte_ids` has 256 entries, -1 for none;
  // `unknown` stands for characters that are neither piece nor bytes.
  Spm(Vocabulary vocabulary, std::vector<float> scores, std::vector<std::int32_t> byte_ids, std::int32_t unknown);
  // Appends the ids of `text`, in which spaces are U+2581 already. O(n log n).
  void encode(std::string_view text, std::vector<std::int32_t>& out) const;
  const Vocabulary& vocabulary() const { return vocabulary_; }
  void hash_into(Hasher& hasher) const;

 private:
  struct Symbol;
  void emit(std::string_view piece, std::vector<std::int32_t>& out) const;
  Vocabulary vocabulary_;
  std::vector<float> scores_;
  std::vector<std::int32_t> byte_ids_;
  std::int32_t unknown_;
};

}  // namespace deltascape::text
