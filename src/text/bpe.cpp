// Owns the merge loop: a heap of candidate merges over a linked list of symbols.
#include "text/bpe.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "deltascape/error.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

constexpr std::size_t kMaxPiece = std::size_t{1} << 30;

struct Candidate {
  std::uint32_t rank;
  std::uint32_t position;
  std::int32_t id;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};
using Heap = std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>>;

}  // namespace

struct Bpe::Symbol {
  std::int32_t id = 0;
  std::int32_t previous = -1;
  std::int32_t next = -1;
  bool gone = false;  // joined to the one on its left
};

Bpe::Bpe(Vocabulary vocabulary, BpeOptions options, std::string where)
    : vocabulary_(std::move(vocabulary)), options_(std::move(options)), where_(std::move(where)) {
  if (options_.unk_token) unknown_ = vocabulary_.find(*options_.unk_token).value_or(-1);
  if (options_.byte_fallback) byte_ids_ = byte_token_ids(vocabulary_);
}

std::int32_t Bpe::need(std::string_view token) const {
  if (const auto id = vocabulary_.find(token)) return *id;
  throw Error(ErrorCode::kBadFile, "a merge names a token that is not in the vocabulary",
              {.path = where_,
               .field = "merges[" + std::to_string(ranks_) + "]",
               .expected = "a token",
               .found = one_line(std::string(token), 60)});
}

void Bpe::add_merge(std::string_view left, std::string_view right) {
  const std::string& prefix = options_.continuing_subword_prefix;
  if (right.size() < prefix.size()) need("");
  std::string joined(left);
  joined += right.substr(prefix.size());
  merges_.put(need(left), need(right), {ranks_, need(joined)});
  merge_hash_.update(left).update(right);
  ++ranks_;
}

bool Bpe::add_bytes(std::string_view character, std::vector<Symbol>& symbols) const {
  if (!options_.byte_fallback) return false;
  const auto id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (std::any_of(character.begin(), character.end(), [&](char c) { return id(c) < 0; })) return false;
  for (const char c : character) symbols.push_back({.id = id(c)});
  return true;
}

std::vector<Bpe::Symbol> Bpe::symbols_of(std::string_view piece) const {
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  bool pending = false;  // an unknown that a following one may join
  const bool decorated = !options_.continuing_subword_prefix.empty() || !options_.end_of_word_suffix.empty();
  std::string storage;
  for (std::size_t begin = 0; begin < piece.size();) {
    const std::size_t end = begin + utf8_length(piece[begin]);
    std::string_view character = piece.substr(begin, end - begin);
    if (decorated) {
      storage = begin > 0 ? options_.continuing_subword_prefix : "";
      storage += character;
      if (end == piece.size()) storage += options_.end_of_word_suffix;
      character = storage;
    }
    begin = end;
    if (const auto id = vocabulary_.find(character)) {
      if (std::exchange(pending, false)) symbols.push_back({.id = unknown_});
      symbols.push_back({.id = *id});
      continue;
    }
    // A pending unknown stays pending across these, and so comes out behind them: that is what `tokenizers` does.
    if (add_bytes(character, symbols) || !options_.unk_token) continue;
    if (unknown_ < 0) {
      throw Error(ErrorCode::kBadFile, "the unknown token is not in the vocabulary",
                  {.path = where_, .field = "model: unk_token", .expected = "a token", .found = *options_.unk_token});
    }
    if (pending && !options_.fuse_unk) symbols.push_back({.id = unknown_});
    pending = true;
  }
  if (pending) symbols.push_back({.id = unknown_});
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    symbols[static_cast<std::size_t>(i)].previous = i - 1;
    symbols[static_cast<std::size_t>(i)].next = i + 1 < count ? i + 1 : -1;
  }
  return symbols;
}

void Bpe::merge(std::vector<Symbol>& symbols) const {
  const auto at = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  std::vector<Candidate> first;
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
    if (const auto* merge = merges_.find(symbols[i].id, symbols[i + 1].id)) {
      first.push_back({merge->rank, static_cast<std::uint32_t>(i), merge->id});
    }
  }
  Heap heap(std::greater<>{}, std::move(first));
  const auto offer = [&](std::int32_t left, std::int32_t right) {
    if (left < 0 || right < 0) return;
    if (const auto* merge = merges_.find(at(left).id, at(right).id)) {
      heap.push({merge->rank, static_cast<std::uint32_t>(left), merge->id});
    }
  };
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    const auto left = static_cast<std::int32_t>(top.position);
    Symbol& symbol = at(left);
    if (symbol.gone || symbol.next < 0) continue;
    Symbol& right = at(symbol.next);
    const auto* merge = merges_.find(symbol.id, right.id);
    if (!merge || merge->id != top.id) continue;  // one of the two has changed since
    symbol.id = top.id;
    right.gone = true;
    symbol.next = right.next;
    if (right.next >= 0) at(right.next).previous = left;
    offer(symbol.previous, left);
    offer(left, symbol.next);
  }
}

void Bpe::encode(std::string_view piece, std::vector<std::int32_t>& out) const {
  if (piece.empty()) return;
  if (piece.size() > kMaxPiece) {
    throw Error(ErrorCode::kUnsupported, "a word of the text is longer than 1 GiB");
  }
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.find(piece)) {
      out.push_back(*id);
      return;
    }
  }
  std::vector<Symbol> symbols = symbols_of(piece);
  merge(symbols);
  for (const Symbol& symbol : symbols) {
    if (!symbol.gone) out.push_back(symbol.id);
  }
}

void Bpe::hash_into(Hasher& hasher) const {
  hasher.update(std::string_view("bpe"));
  vocabulary_.hash_into(hasher);
  hasher.update(std::string_view(merge_hash_.hex()));
  const std::string flags = {options_.unk_token ? '1' : '0', options_.fuse_unk ? '1' : '0',
                             options_.byte_fallback ? '1' : '0', options_.ignore_merges ? '1' : '0'};
  hasher.update(std::string_view(flags)).update(std::string_view(options_.unk_token.value_or("")));
  hasher.update(std::string_view(options_.continuing_subword_prefix));
  hasher.update(std::string_view(options_.end_of_word_suffix));
}

}  // namespace deltascape::text
