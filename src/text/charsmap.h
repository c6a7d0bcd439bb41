// Owns SentencePiece's compiled normalisation rules ("precompiled_charsmap": a double-array trie and a text of
// replacements), applied as the Precompiled normaliser of `tokenizers` does it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::text {

// Immutable and thread-safe.
class Charsmap {
 public:
  // `bytes` is the map itself. Throws Error(kBadFile), which names `where`.
  Charsmap(std::string_view bytes, std::string where);
  // Replaces cluster by cluster: a cluster of less than six bytes as a whole by the rule for its shortest known start,
  // any other character by character.
  std::string apply(std::string_view text) const;

 private:
  std::optional<std::string_view> find(std::string_view chunk) const;
  std::uint32_t unit(std::size_t position) const;
  [[noreturn]] void bad(const std::string& expected, const std::string& found) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
  std::string where_;
};

// Base64 with padding. Nothing for text that is none.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

}  // namespace deltascape::text
