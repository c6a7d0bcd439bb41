// Owns building the trie level by level from the sorted pieces.
#include "text/piece_trie.h"

#include <algorithm>

#include "deltascape/error.h"

namespace deltascape::text {
namespace {

// The largest vocabularies (a million pieces) hold about 10 MiB.
constexpr std::size_t kMaxText = std::size_t{16} << 20;

// The sorted pieces below one node, which share their first `depth` bytes.
struct Range {
  std::uint32_t begin;
  std::uint32_t end;
  std::uint32_t depth;
};

unsigned char byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

}  // namespace

PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>> pieces, const std::string& where) {
  std::size_t bytes = 0;
  for (const auto& piece : pieces) bytes += piece.first.size();
  if (bytes > kMaxText) {
    throw Error(ErrorCode::kUnsupported, "a vocabulary with more text than is supported",
                {.path = where,
                 .field = "vocab",
                 .expected = "at most " + std::to_string(kMaxText) + " bytes",
                 .found = std::to_string(bytes)});
  }
  std::stable_sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  nodes_.emplace_back();
  labels_.push_back(0);
  std::vector<Range> level{{0, static_cast<std::uint32_t>(pieces.size()), 0}}, below;
  for (std::uint32_t node = 0; !level.empty(); level.swap(below), below.clear()) {
    for (Range range : level) {
      Node& here = nodes_[node];
      for (; range.begin < range.end && pieces[range.begin].first.size() == range.depth; ++range.begin) {
        if (range.depth > 0) here.id = pieces[range.begin].second;
      }
      here.first = static_cast<std::uint32_t>(nodes_.size());
      std::uint16_t children = 0;
      while (range.begin < range.end) {
        const unsigned char label = byte_at(pieces[range.begin].first, range.depth);
        std::uint32_t end = range.begin;
        while (end < range.end && byte_at(pieces[end].first, range.depth) == label) ++end;
        below.push_back({range.begin, end, range.depth + 1});
        nodes_.emplace_back();
        labels_.push_back(label);
        ++children;
        range.begin = end;
      }
      nodes_[node++].children = children;
    }
  }
  from_root_.fill(kNowhere);
  for (std::uint32_t i = 0; i < nodes_[kRoot].children; ++i) {
    from_root_[labels_[nodes_[kRoot].first + i]] = nodes_[kRoot].first + i;
  }
}

std::uint32_t PieceTrie::next(std::uint32_t node, char byte) const {
  const auto label = static_cast<unsigned char>(byte);
  if (node == kRoot) return from_root_[label];
  const auto begin = labels_.begin() + nodes_[node].first;
  const auto end = begin + nodes_[node].children;
  const auto place = std::lower_bound(begin, end, label);
  if (place == end || *place != label) return kNowhere;
  return static_cast<std::uint32_t>(place - labels_.begin());
}

void StepBudget::exhausted() {
  throw Error(ErrorCode::kUnsupported, "the vocabulary needs more work for a line of text than is supported");
}

}  // namespace deltascape::text
