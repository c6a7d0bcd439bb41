// Owns WordPiece (BERT's model): the longest piece first, as the WordPiece model of `tokenizers` does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/model.h"
#include "text/piece_trie.h"

namespace deltascape::text {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";               // stands for a whole word that is not made of pieces
  std::string continuing_subword_prefix = "##";  // before every piece but a word's first
  std::size_t max_input_chars_per_word = 100;    // a longer word is unknown
};

class WordPiece : public Model {
 public:
  // `where` names the file in messages.
  WordPiece(Vocabulary vocabulary, WordPieceOptions options, std::string where);

  // Time is O(n · longest piece).
  void encode(std::string_view word, std::vector<std::int32_t>& out) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void hash_into(Hasher& hasher) const override;

 private:
  bool split(std::string_view word, std::vector<std::int32_t>& out) const;
  std::int32_t unknown() const;

  Vocabulary vocabulary_;
  WordPieceOptions options_;
  std::string where_;
  PieceTrie trie_;
  std::uint32_t behind_prefix_;  // the trie's node behind continuing_subword_prefix
};

}  // namespace deltascape::text
