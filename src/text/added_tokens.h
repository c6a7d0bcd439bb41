// Owns the tokens that are found in a text before the model sees it ("added_tokens" of tokenizer.json).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/hash.h"
#include "text/model.h"
#include "text/normalizer.h"

namespace deltascape::text {

struct AddedToken {
  std::string content;
  bool single_word = false;  // only where no letter or digit touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it
  bool normalized = true;    // looked for in the normalised text, not in the raw one
  bool special = false;
  bool operator==(const AddedToken&) const = default;
};

// A stretch of text; `id` is -1 for plain text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::int32_t id = -1;
};

// Thread-safe once build() is done.
class AddedVocabulary {
 public:
  // One call of `tokenizers`' add_tokens: known tokens get new properties, others the next free ids.
  void add(const std::vector<AddedToken>& tokens, const Model& model);
  // The same with an id that is given (GGUF).
  void put(AddedToken token, std::int32_t id);
  // Makes the search tables; `normalizer` may be null. With `encode_special` special tokens are plain text.
  void build(const Normalizer* normalizer, bool encode_special);

  // The spans of `text`, from left to right: the longest token at the leftmost place wins.
  void split(std::string_view text, bool normalized, std::vector<Span>& out) const;
  std::optional<std::int32_t> find(std::string_view token) const;
  const std::map<std::int32_t, AddedToken>& tokens() const { return tokens_; }
  // How many of the tokens are not in `model`.
  std::size_t beyond(const Vocabulary& model) const;
  void hash_into(Hasher& hasher) const;

 private:
  // A byte trie: edges by (node, byte).
  struct Trie {
    std::unordered_map<std::uint64_t, std::uint32_t> edges;
    std::vector<std::int32_t> ids{-1};  // -1 where no token ends
    bool starts[256] = {};
    void insert(std::string_view text, std::int32_t id);
    // Length of the longest token at the start of `text`, 0 for none.
    std::size_t longest(std::string_view text, std::int32_t& id) const;
  };

  std::map<std::int32_t, AddedToken> tokens_;
  std::map<std::string, std::int32_t, std::less<>> ids_;
  std::map<std::string, bool, std::less<>> special_;  // once special, always special
  Trie raw_, normalized_;
  bool encode_special_ = false;
};

}  // namespace deltascape::text
