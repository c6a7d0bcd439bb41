// Owns the search for all pieces of a vocabulary that a text starts with: a byte trie in three flat arrays.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deltascape::text {

// Immutable and thread-safe.
class PieceTrie {
 public:
  static constexpr std::uint32_t kRoot = 0;
  static constexpr std::uint32_t kNowhere = 0xFFFFFFFF;

  // Of two equal pieces the later one counts; an empty one never matches. Throws Error(kUnsupported), which names
  // `where`, for more text than any vocabulary has (the trie would not fit).
  PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>> pieces, const std::string& where);
  // The node behind `byte`, or kNowhere.
  std::uint32_t next(std::uint32_t node, char byte) const;
  // The piece that ends at `node`, -1 for none.
  std::int32_t id(std::uint32_t node) const { return nodes_[node].id; }

 private:
  struct Node {
    std::uint32_t first = 0;  // children lie side by side, ordered by labels_
    std::int32_t id = -1;
    std::uint16_t children = 0;
  };
  std::vector<Node> nodes_;
  std::vector<unsigned char> labels_;  // of the edge that leads to the node
  std::array<std::uint32_t, 256> from_root_{};
};

// Counts steps through a trie, so that no vocabulary makes a line take for ever: an honest one needs a few steps a
// byte.
class StepBudget {
 public:
  explicit StepBudget(std::size_t bytes) : left_((std::size_t{1} << 26) + 1024 * bytes) {}
  void step() {
    if (left_-- == 0) exhausted();
  }

 private:
  [[noreturn]] static void exhausted();
  std::size_t left_;
};

}  // namespace deltascape::text
