// Owns the two tables of a BPE model.
#include "text/vocabulary.h"

#include <bit>
#include <functional>
#include <limits>

#include "deltascape/error.h"

namespace deltascape::text {
namespace {

constexpr std::uint64_t kFree = std::numeric_limits<std::uint64_t>::max();  // ids are not negative

std::uint64_t mix(std::uint64_t key) {
  key ^= key >> 32;
  key *= 0x9E3779B97F4A7C15u;
  return key ^ key >> 29;
}

}  // namespace

void Vocabulary::reserve(std::size_t tokens, std::size_t bytes) {
  entries_.reserve(tokens);
  bytes_.reserve(bytes);
  grow(std::bit_ceil(tokens * 2 + 16));
}

std::size_t Vocabulary::slot_of(std::string_view token, std::size_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  while (slots_[slot] != 0) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && text(entry) == token) break;
    slot = (slot + 1) & mask;
  }
  return slot;
}

void Vocabulary::grow(std::size_t slots) {
  if (slots <= slots_.size()) return;
  slots_.assign(slots, 0);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    slots_[slot_of(text(entries_[i]), entries_[i].hash)] = static_cast<std::uint32_t>(i + 1);
  }
}

bool Vocabulary::add(std::string_view token, std::int32_t id) {
  if (token.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorCode::kBadFile, "a token of the vocabulary is longer than 4 GiB");
  }
  if ((entries_.size() + 1) * 2 > slots_.size()) grow(std::bit_ceil((entries_.size() + 8) * 4));
  const std::size_t hash = std::hash<std::string_view>{}(token);
  const std::size_t slot = slot_of(token, hash);
  if (slots_[slot] != 0) return false;
  entries_.push_back({bytes_.size(), static_cast<std::uint32_t>(token.size()), id, hash});
  bytes_ += token;
  slots_[slot] = static_cast<std::uint32_t>(entries_.size());
  return true;
}

void Vocabulary::put(std::string_view token, std::int32_t id) {
  if (add(token, id)) return;
  entries_[slots_[slot_of(token, std::hash<std::string_view>{}(token))] - 1].id = id;
}

std::optional<std::int32_t> Vocabulary::find(std::string_view token) const {
  if (slots_.empty()) return std::nullopt;
  const std::size_t slot = slot_of(token, std::hash<std::string_view>{}(token));
  if (slots_[slot] == 0) return std::nullopt;
  return entries_[slots_[slot] - 1].id;
}

void Vocabulary::hash_into(Hasher& hasher) const {
  hasher.update(std::string_view(bytes_));
  std::vector<std::int32_t> shape;
  shape.reserve(entries_.size() * 2);
  for (const Entry& entry : entries_) {
    shape.push_back(static_cast<std::int32_t>(entry.length));
    shape.push_back(entry.id);
  }
  hasher.update(std::as_bytes(std::span(shape)));
}

std::vector<std::int32_t> byte_token_ids(const Vocabulary& vocabulary) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::vector<std::int32_t> out(256, -1);
  for (std::size_t byte = 0; byte < out.size(); ++byte) {
    const char name[] = {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
    out[byte] = vocabulary.find(std::string_view(name, sizeof name)).value_or(-1);
  }
  return out;
}

void MergeTable::reserve(std::size_t merges) {
  const std::size_t wanted = std::bit_ceil(merges * 2 + 16);
  if (wanted <= slots_.size()) return;
  std::vector<Slot> old(wanted, Slot{kFree, {0, 0}});
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.key != kFree) slots_[slot_of(slot.key)] = slot;
  }
}

std::size_t MergeTable::slot_of(std::uint64_t key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = mix(key) & mask;
  while (slots_[slot].key != kFree && slots_[slot].key != key) slot = (slot + 1) & mask;
  return slot;
}

namespace {
std::uint64_t key_of(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}
}  // namespace

void MergeTable::put(std::int32_t left, std::int32_t right, Merge merge) {
  if ((used_ + 1) * 2 > slots_.size()) reserve((used_ + 8) * 2);
  Slot& slot = slots_[slot_of(key_of(left, right))];
  if (slot.key == kFree) ++used_;
  slot = {key_of(left, right), merge};
}

const MergeTable::Merge* MergeTable::find(std::int32_t left, std::int32_t right) const {
  if (slots_.empty()) return nullptr;
  const Slot& slot = slots_[slot_of(key_of(left, right))];
  return slot.key == kFree ? nullptr : &slot.merge;
}

}  // namespace deltascape::text
