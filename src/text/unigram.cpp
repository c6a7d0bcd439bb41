// Owns the Viterbi search for the best segmentation.
#include "text/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "deltascape/error.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 26;
constexpr std::uint32_t kUnreached = std::numeric_limits<std::uint32_t>::max();
constexpr double kUnknownPenalty = 10;  // below the lowest score, as in SentencePiece

PieceTrie trie_of(const std::vector<ScoredPiece>& pieces, const std::string& where) {
  std::vector<std::pair<std::string_view, std::int32_t>> list;
  list.reserve(pieces.size());
  for (const ScoredPiece& piece : pieces) list.emplace_back(piece.text, static_cast<std::int32_t>(list.size()));
  return PieceTrie(std::move(list), where);
}

}  // namespace

// The best path that ends at one byte of the text.
struct Unigram::Best {
  double score = 0;
  std::int32_t id = 0;
  std::uint32_t begin = kUnreached;  // where its last piece begins
};

Unigram::Unigram(const std::vector<ScoredPiece>& pieces, const UnigramOptions& options, std::string where)
    : unknown_(options.unknown), where_(std::move(where)), trie_(trie_of(pieces, where_)) {
  const auto bad = [&](std::size_t id, const std::string& what, const std::string& expected, const std::string& found) {
    throw Error(ErrorCode::kBadFile, what,
                {.path = where_,
                 .field = "vocab[" + std::to_string(id) + "]",
                 .expected = expected,
                 .found = one_line(found, 60)});
  };
  std::size_t bytes = 0;
  for (const ScoredPiece& piece : pieces) bytes += piece.text.size();
  vocabulary_.reserve(pieces.size(), bytes);
  double lowest = std::numeric_limits<double>::infinity();
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    const ScoredPiece& piece = pieces[id];
    if (!std::isfinite(piece.score)) bad(id, "a score is not finite", "a number", std::to_string(piece.score));
    vocabulary_.put(piece.text, static_cast<std::int32_t>(id));
    scores_.push_back(piece.score);
    lowest = std::min(lowest, piece.score);
  }
  unknown_score_ = lowest - kUnknownPenalty;
  if (unknown_ && (*unknown_ < 0 || static_cast<std::size_t>(*unknown_) >= pieces.size())) {
    throw Error(ErrorCode::kBadFile, "the unknown piece is not in the vocabulary",
                {.path = where_,
                 .field = "unk_id",
                 .expected = "an id below " + std::to_string(pieces.size()),
                 .found = std::to_string(*unknown_)});
  }
  if (options.byte_fallback) byte_ids_ = byte_token_ids(vocabulary_);
}

std::int32_t Unigram::need_unknown() const {
  if (unknown_) return *unknown_;
  throw Error(ErrorCode::kBadFile, "a character is in no piece, and there is no unknown piece",
              {.path = where_, .field = "unk_id", .expected = "an id", .found = "nothing"});
}

std::vector<Unigram::Best> Unigram::best_paths(std::string_view text) const {
  std::vector<Best> best(text.size() + 1);
  StepBudget budget(text.size());
  const auto offer = [&](std::size_t begin, std::size_t end, double score, std::int32_t id) {
    Best& target = best[end];
    if (target.begin == kUnreached || score > target.score) {
      target = {score, id, static_cast<std::uint32_t>(begin)};
    }
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const double here = best[begin].score;
    const std::size_t character = begin + utf8_length(text[begin]);
    bool alone = false;  // the character is a piece by itself
    std::uint32_t node = PieceTrie::kRoot;
    for (std::size_t end = begin; end < text.size();) {
      budget.step();
      node = trie_.next(node, text[end++]);
      if (node == PieceTrie::kNowhere) break;
      const std::int32_t id = trie_.id(node);
      if (id < 0) continue;
      offer(begin, end, scores_[static_cast<std::size_t>(id)] + here, id);
      alone = alone || end == character;
    }
    if (!alone) offer(begin, character, unknown_score_ + here, need_unknown());
    begin = character;
  }
  return best;
}

// A run of unknown characters. `tokenizers` looks the whole run up once more.
void Unigram::emit_unknown(std::string_view text, std::vector<std::int32_t>& out) const {
  if (const auto id = vocabulary_.find(text)) {
    out.push_back(*id);
    return;
  }
  const auto byte_id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (!byte_ids_.empty() && std::all_of(text.begin(), text.end(), [&](char c) { return byte_id(c) >= 0; })) {
    for (const char c : text) out.push_back(byte_id(c));
    return;
  }
  out.push_back(need_unknown());
}

void Unigram::encode(std::string_view text, std::vector<std::int32_t>& out) const {
  if (text.empty()) return;
  if (text.size() > kMaxText) throw Error(ErrorCode::kUnsupported, "a text is longer than 64 MiB");
  const std::vector<Best> best = best_paths(text);
  std::vector<std::size_t> ends;  // of the best path's pieces, from right to left
  for (std::size_t end = text.size(); end > 0; end = best[end].begin) ends.push_back(end);
  std::size_t unknown_from = text.size() + 1;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const Best& piece = best[*end];
    const bool is_unknown = unknown_ && piece.id == *unknown_;
    if (is_unknown) unknown_from = std::min<std::size_t>(unknown_from, piece.begin);
    if (!is_unknown && unknown_from < piece.begin) {
      emit_unknown(text.substr(unknown_from, piece.begin - unknown_from), out);
    }
    if (is_unknown) continue;
    unknown_from = text.size() + 1;
    out.push_back(piece.id);
  }
  if (unknown_from < text.size()) emit_unknown(text.substr(unknown_from), out);
}

void Unigram::hash_into(Hasher& hasher) const {
  hasher.update(std::string_view("unigram"));
  vocabulary_.hash_into(hasher);
  hasher.update(std::as_bytes(std::span(scores_))).update(std::as_bytes(std::span(byte_ids_)));
  hasher.update(std::string_view(unknown_ ? std::to_string(*unknown_) : "none"));
}

}  // namespace deltascape::text
