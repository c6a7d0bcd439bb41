// Owns the greedy search from left to right.
#include "text/word_piece.h"

#include <algorithm>
#include <utility>

#include "deltascape/error.h"

namespace deltascape::text {
namespace {

PieceTrie trie_of(const Vocabulary& vocabulary, const std::string& where) {
  std::vector<std::pair<std::string_view, std::int32_t>> list;
  list.reserve(vocabulary.size());
  vocabulary.for_each([&](std::string_view token, std::int32_t id) { list.emplace_back(token, id); });
  return PieceTrie(std::move(list), where);
}

}  // namespace

WordPiece::WordPiece(Vocabulary vocabulary, WordPieceOptions options, std::string where)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      where_(std::move(where)),
      trie_(trie_of(vocabulary_, where_)),
      behind_prefix_(PieceTrie::kRoot) {
  for (const char c : options_.continuing_subword_prefix) {
    if (behind_prefix_ != PieceTrie::kNowhere) behind_prefix_ = trie_.next(behind_prefix_, c);
  }
}

std::int32_t WordPiece::unknown() const {
  if (const auto id = vocabulary_.find(options_.unk_token)) return *id;
  throw Error(
      ErrorCode::kBadFile, "the unknown token is not in the vocabulary",
      {.path = where_, .field = "model: unk_token", .expected = "a token", .found = one_line(options_.unk_token, 60)});
}

bool WordPiece::split(std::string_view word, std::vector<std::int32_t>& out) const {
  StepBudget budget(word.size());
  for (std::size_t begin = 0; begin < word.size();) {
    std::uint32_t node = begin == 0 ? PieceTrie::kRoot : behind_prefix_;
    std::size_t longest = begin;
    std::int32_t id = -1;
    for (std::size_t end = begin; end < word.size() && node != PieceTrie::kNowhere;) {
      budget.step();
      node = trie_.next(node, word[end++]);
      if (node == PieceTrie::kNowhere || trie_.id(node) < 0) continue;
      longest = end;
      id = trie_.id(node);
    }
    if (id < 0) return false;
    out.push_back(id);
    begin = longest;
  }
  return true;
}

void WordPiece::encode(std::string_view word, std::vector<std::int32_t>& out) const {
  const auto characters =
      std::count_if(word.begin(), word.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  const std::size_t before = out.size();
  if (static_cast<std::size_t>(characters) <= options_.max_input_chars_per_word && split(word, out)) return;
  out.resize(before);
  out.push_back(unknown());
}

void WordPiece::hash_into(Hasher& hasher) const {
  hasher.update(std::string_view("wordpiece"));
  vocabulary_.hash_into(hasher);
  hasher.update(std::string_view(options_.unk_token)).update(std::string_view(options_.continuing_subword_prefix));
  hasher.update(std::string_view(std::to_string(options_.max_input_chars_per_word)));
}

}  // namespace deltascape::text
