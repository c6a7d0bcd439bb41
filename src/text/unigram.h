// Owns Unigram segmentation (SentencePiece's default, T5's model) as the Unigram model of `tokenizers` does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/model.h"
#include "text/piece_trie.h"

namespace deltascape::text {

// A piece and its log probability; its place in the list is its id. Of two equal pieces the later one counts.
struct ScoredPiece {
  std::string text;
  double score = 0;
};

struct UnigramOptions {
  std::optional<std::int32_t> unknown;  // neighbouring characters without a piece become one of these
  bool byte_fallback = false;           // or <0xXX> tokens, where all of them exist
};

class Unigram : public Model {
 public:
  // `where` names the file in messages. Throws Error(kBadFile) where a score is not finite or the unknown id is
  // no piece.
  Unigram(const std::vector<ScoredPiece>& pieces, const UnigramOptions& options, std::string where);

  // The segmentation of the highest total score. Time is O(n · longest piece).
  void encode(std::string_view text, std::vector<std::int32_t>& out) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  std::size_t size() const override { return scores_.size(); }
  void hash_into(Hasher& hasher) const override;

 private:
  struct Best;
  std::vector<Best> best_paths(std::string_view text) const;
  void emit_unknown(std::string_view text, std::vector<std::int32_t>& out) const;
  std::int32_t need_unknown() const;

  Vocabulary vocabulary_;
  std::vector<double> scores_;
  std::vector<std::int32_t> byte_ids_;  // of <0x00> … <0xFF>, empty without byte fallback
  std::optional<std::int32_t> unknown_;
  std::string where_;
  double unknown_score_ = 0;
  PieceTrie trie_;
};

}  // namespace deltascape::text
