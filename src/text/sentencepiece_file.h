// Owns reading a SentencePiece model (tokenizer.model, spiece.model): the protobuf message ModelProto, as far as
// transformers uses it. SentencePiece's own library would run the model by rules that transformers does not follow,
// and gives neither the training settings nor the normalisation rules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "text/unigram.h"

namespace deltascape::text {

struct SentencePieceFile {
  enum Type : std::int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };
  enum Kind : std::int64_t { kUnigram = 1, kBpe = 2 };

  std::vector<ScoredPiece> pieces;
  std::vector<std::int64_t> types;  // one a piece
  std::int64_t kind = kUnigram;
  bool byte_fallback = false;
  std::int64_t unk_id = 0, bos_id = 1, eos_id = 2;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>";
  std::string charsmap;  // see charsmap.h; empty for none
};

// Throws Error(kBadFile) for what is no ModelProto, kUnsupported for word and character models.
SentencePieceFile read_sentencepiece_file(const std::filesystem::path& file);

}  // namespace deltascape::text
