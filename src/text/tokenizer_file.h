// Owns reading tokenizer.json quickly: its vocabulary and merges go straight into tables (Gemma's file has a quarter
// of a million tokens and half a million merges), the small rest becomes JSON.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "text/unigram.h"
#include "text/vocabulary.h"

namespace deltascape::text {

// Pairs of tokens, best first, in one buffer.
class MergeList {
 public:
  void add(std::string_view left, std::string_view right);
  std::size_t size() const { return lengths_.size(); }
  // Calls visit(left, right) for each.
  template <class Visit>
  void for_each(Visit visit) const {
    std::string_view rest = bytes_;
    for (const auto& [left, right] : lengths_) {
      visit(rest.substr(0, left), rest.substr(left, right));
      rest.remove_prefix(left + right);
    }
  }

 private:
  std::string bytes_;
  std::vector<std::pair<std::size_t, std::size_t>> lengths_;
};

struct TokenizerFile {
  io::Json rest;                    // without model.vocab and model.merges
  Vocabulary vocabulary;            // empty where model.vocab is no object
  std::vector<ScoredPiece> pieces;  // of a Unigram model: model.vocab as an array of [piece, score]
  std::vector<double> rust_scores;  // the same scores as `tokenizers` reads them (rust_number.h)
  MergeList merges;
};

// `text` is the content of `file`. Throws Error(kBadFile).
TokenizerFile parse_tokenizer_file(std::string_view text, const std::filesystem::path& file);
// An object of token -> id and nothing else (vocab.json).
Vocabulary parse_vocabulary(std::string_view text, const std::filesystem::path& file);

}  // namespace deltascape::text
