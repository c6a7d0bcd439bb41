// Owns a model's tables. Token text -> id is an open-addressing table over one buffer, quick to fill with a quarter of
// a million tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/hash.h"

namespace deltascape::text {

class Vocabulary {
 public:
  void reserve(std::size_t tokens, std::size_t bytes);
  // False, and nothing happens, when the token is there already.
  bool add(std::string_view token, std::int32_t id);
  // The same, but a token that is there already gets the new id.
  void put(std::string_view token, std::int32_t id);
  std::optional<std::int32_t> find(std::string_view token) const;
  std::size_t size() const { return entries_.size(); }
  // Calls visit(token, id) for each, in the order they were added.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : entries_) visit(text(entry), entry.id);
  }
  // Adds every token and id, in the order they were added.
  void hash_into(Hasher& hasher) const;

 private:
  struct Entry {
    std::size_t offset;
    std::uint32_t length;
    std::int32_t id;
    std::size_t hash;
  };
  std::string_view text(const Entry& entry) const {
    return std::string_view(bytes_).substr(entry.offset, entry.length);
  }
  std::size_t slot_of(std::string_view token, std::size_t hash) const;
  void grow(std::size_t slots);

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // index into entries_ plus one; 0 is free
};

// The ids of the byte tokens <0x00> … <0xFF>; -1 for one that is not there.
std::vector<std::int32_t> byte_token_ids(const Vocabulary& vocabulary);

// (left, right) -> (rank, id of the pair joined): the merges of a BPE model. The last of two equal pairs counts.
class MergeTable {
 public:
  struct Merge {
    std::uint32_t rank;
    std::int32_t id;
  };
  void reserve(std::size_t merges);
  void put(std::int32_t left, std::int32_t right, Merge merge);
  const Merge* find(std::int32_t left, std::int32_t right) const;

 private:
  struct Slot {
    std::uint64_t key;  // left in the high half
    Merge merge;
  };
  std::size_t slot_of(std::uint64_t key) const;
  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace deltascape::text
