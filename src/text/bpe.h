// Owns byte-pair encoding of one piece, as the BPE model of `tokenizers` does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/model.h"

namespace deltascape::text {

struct BpeOptions {
  std::optional<std::string> unk_token;   // for characters that are not in the vocabulary; without one they vanish
  std::string continuing_subword_prefix;  // put before every character but a piece's first
  std::string end_of_word_suffix;         // put behind a piece's last
  bool fuse_unk = false;                  // neighbouring unknowns become one token
  bool byte_fallback = false;             // unknown characters become <0xXX> tokens where all of them exist
  bool ignore_merges = false;             // a piece that is a token is that token
};

// Immutable and thread-safe once the merges are added.
class Bpe : public Model {
 public:
  // `where` names the file in messages.
  Bpe(Vocabulary vocabulary, BpeOptions options, std::string where);
  void reserve_merges(std::size_t merges) { merges_.reserve(merges); }
  // Merges come best first. Both parts and the whole must be tokens.
  void add_merge(std::string_view left, std::string_view right);

  // Appends the ids of `piece` (well-formed UTF-8). Time is O(n log n) in the piece's length.
  void encode(std::string_view piece, std::vector<std::int32_t>& out) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  void hash_into(Hasher& hasher) const override;

 private:
  struct Symbol;
  std::vector<Symbol> symbols_of(std::string_view piece) const;
  bool add_bytes(std::string_view character, std::vector<Symbol>& symbols) const;
  void merge(std::vector<Symbol>& symbols) const;
  std::int32_t need(std::string_view token) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  BpeOptions options_;
  std::string where_;
  std::int32_t unknown_ = -1;
  std::vector<std::int32_t> byte_ids_;  // of <0x00> … <0xFF>; -1 where there is none
  std::uint32_t ranks_ = 0;
  Hasher merge_hash_;
};

}  // namespace deltascape::text
