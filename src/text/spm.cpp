// Owns the merge loop of SentencePiece's BPE: highest score first, then leftmost.
#include "text/spm.h"

#include <queue>
#include <utility>

#include "deltascape/error.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 30;

struct Candidate {
  float score;
  std::int32_t left;
  std::int32_t right;
  std::size_t length;  // bytes of both; tells whether one of them has changed since
  bool operator<(const Candidate& other) const {
    return score != other.score ? score < other.score : left > other.left;
  }
};

}  // namespace

struct Spm::Symbol {
  std::size_t begin;
  std::size_t length;  // 0 once joined to the one on its left
  std::int32_t previous;
  std::int32_t next;
};

Spm::Spm(Vocabulary vocabulary, std::vector<float> scores, std::vector<std::int32_t> byte_ids, std::int32_t unknown)
    : vocabulary_(std::move(vocabulary)),
      scores_(std::move(scores)),
      byte_ids_(std::move(byte_ids)),
      unknown_(unknown) {}

void Spm::emit(std::string_view piece, std::vector<std::int32_t>& out) const {
  if (const auto id = vocabulary_.find(piece)) {
    out.push_back(*id);
    return;
  }
  bool known = true;
  for (const char c : piece) known = known && byte_ids_[static_cast<unsigned char>(c)] >= 0;
  if (known) {
    for (const char c : piece) out.push_back(byte_ids_[static_cast<unsigned char>(c)]);
  } else if (unknown_ >= 0 && (out.empty() || out.back() != unknown_)) {
    out.push_back(unknown_);  // SentencePiece makes one of neighbouring unknowns
  }
}

void Spm::encode(std::string_view text, std::vector<std::int32_t>& out) const {
  if (text.size() > kMaxText) throw Error(ErrorCode::kUnsupported, "a text is longer than 1 GiB");
  std::vector<Symbol> symbols;
  symbols.reserve(text.size());
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t length = utf8_length(text[begin]);
    const auto index = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({begin, length, index - 1, begin + length < text.size() ? index + 1 : -1});
    begin += length;
  }
  const auto at = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  std::priority_queue<Candidate> heap;
  const auto offer = [&](std::int32_t left, std::int32_t right) {
    if (left < 0 || right < 0) return;
    const std::size_t length = at(left).length + at(right).length;
    if (const auto id = vocabulary_.find(text.substr(at(left).begin, length))) {
      heap.push({scores_[static_cast<std::size_t>(*id)], left, right, length});
    }
  };
  for (std::size_t i = 1; i < symbols.size(); ++i)
    offer(static_cast<std::int32_t>(i - 1), static_cast<std::int32_t>(i));
  while (!heap.empty()) {
    const Candidate top = heap.top();
    heap.pop();
    Symbol& left = at(top.left);
    Symbol& right = at(top.right);
    if (left.length == 0 || right.length == 0 || left.length + right.length != top.length) continue;
    left.length += right.length;
    right.length = 0;
    left.next = right.next;
    if (right.next >= 0) at(right.next).previous = top.left;
    offer(left.previous, top.left);
    offer(top.left, left.next);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.length > 0) emit(text.substr(symbol.begin, symbol.length), out);
  }
}

void Spm::hash_into(Hasher& hasher) const {
  vocabulary_.hash_into(hasher);
  hasher.update(std::as_bytes(std::span(scores_))).update(std::as_bytes(std::span(byte_ids_)));
}

}  // namespace deltascape::text
