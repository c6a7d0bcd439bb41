// Owns the "pre_tokenizer" of tokenizer.json: one text -> the pieces the model encodes one by one.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"

namespace deltascape::text {

struct Piece {
  std::size_t begin = 0;  // in Pieces::text
  std::size_t end = 0;
  bool at_start = false;  // it starts where the whole input starts (Metaspace's "first" looks at this)
};

// A text and its pieces from left to right; none is empty. Text between pieces has been removed.
struct Pieces {
  std::string text;
  std::vector<Piece> pieces;
  std::string_view view(const Piece& piece) const {
    return std::string_view(text).substr(piece.begin, piece.end - piece.begin);
  }
};

// Immutable and thread-safe.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

// `json` is the object, or null for none. Throws Error(kUnsupported) with the name of a kind that is not there.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const io::Json& json, const std::string& where);

// GPT-2's printable stand-in for each byte: itself where it prints, else U+0100 and up.
const std::array<std::string, 256>& byte_characters();

// The patterns models share. `tokenizers` builds GPT-2's into ByteLevel.
inline constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr const char* kQwen35Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace deltascape::text
