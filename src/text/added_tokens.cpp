// Owns finding added tokens in a text.
#include "text/added_tokens.h"

#include <algorithm>

#include "text/regex.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

// Rust's \w, for single_word.
bool is_word(std::string_view character) {
  static const Regex word("[" + std::string(kRustWord) + "]", "the class of word characters");
  std::vector<Match> matches;
  word.find_all(character, matches);
  return !matches.empty();
}

std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

bool ends_with_word(std::string_view text) { return !text.empty() && is_word(text.substr(last_character(text))); }
bool starts_with_word(std::string_view text) { return !text.empty() && is_word(text.substr(0, utf8_length(text[0]))); }

std::size_t without_trailing_space(std::string_view text) {
  while (!text.empty()) {
    const std::size_t at = last_character(text);
    std::size_t i = at;
    if (!is_white_space(next_code_point(text, i))) break;
    text = text.substr(0, at);
  }
  return text.size();
}

std::size_t leading_space(std::string_view text) {
  std::size_t end = 0;
  for (std::size_t i = 0; i < text.size(); end = i) {
    if (!is_white_space(next_code_point(text, i))) break;
  }
  return end;
}

}  // namespace

void AddedVocabulary::Trie::insert(std::string_view text, std::int32_t id) {
  if (text.empty()) return;
  starts[static_cast<unsigned char>(text[0])] = true;
  std::uint32_t node = 0;
  for (const char c : text) {
    const auto [edge, is_new] = edges.try_emplace(std::uint64_t{node} << 8 | static_cast<unsigned char>(c),
                                                  static_cast<std::uint32_t>(ids.size()));
    if (is_new) ids.push_back(-1);
    node = edge->second;
  }
  if (ids[node] < 0) ids[node] = id;
}

std::size_t AddedVocabulary::Trie::longest(std::string_view text, std::int32_t& id) const {
  std::size_t best = 0;
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto edge = edges.find(std::uint64_t{node} << 8 | static_cast<unsigned char>(text[i]));
    if (edge == edges.end()) break;
    node = edge->second;
    if (ids[node] < 0) continue;
    best = i + 1;
    id = ids[node];
  }
  return best;
}

std::optional<std::int32_t> AddedVocabulary::find(std::string_view token) const {
  const auto place = ids_.find(token);
  return place == ids_.end() ? std::nullopt : std::optional(place->second);
}

void AddedVocabulary::put(AddedToken token, std::int32_t id) {
  ids_[token.content] = id;
  if (token.special) special_[token.content] = true;
  tokens_[id] = std::move(token);
}

void AddedVocabulary::add(const std::vector<AddedToken>& tokens, const Model& model) {
  auto next = static_cast<std::int32_t>(model.size());
  if (!tokens_.empty()) {
    const std::int32_t highest = tokens_.rbegin()->first;
    if (highest >= next || next == 0) next = highest + 1;
  }
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    auto id = find(token.content);
    if (!id) id = model.vocabulary().find(token.content);
    if (!id) id = next++;
    put(token, *id);
  }
}

void AddedVocabulary::build(const Normalizer* normalizer, bool encode_special) {
  encode_special_ = encode_special;
  raw_ = {};
  normalized_ = {};
  for (const auto& [id, token] : tokens_) {
    if (!token.normalized) {
      raw_.insert(token.content, id);
    } else {
      normalized_.insert(normalizer ? normalizer->apply(token.content) : token.content, id);
    }
  }
}

void AddedVocabulary::split(std::string_view text, bool normalized, std::vector<Span>& out) const {
  const Trie& trie = normalized ? normalized_ : raw_;
  std::size_t from = 0;  // where plain text starts
  for (std::size_t at = 0; at < text.size();) {
    std::int32_t id = -1;
    const bool may = trie.starts[static_cast<unsigned char>(text[at])];
    const std::size_t length = may ? trie.longest(text.substr(at), id) : 0;
    if (length == 0) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + length;
    at = end;
    const AddedToken& token = tokens_.at(id);
    if (encode_special_ && special_.contains(token.content)) continue;
    if (token.single_word && (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) continue;
    if (token.lstrip) begin = std::max(without_trailing_space(text.substr(0, begin)), from);
    if (token.rstrip) end += leading_space(text.substr(end));
    if (from < begin) out.push_back({from, begin, -1});
    out.push_back({begin, end, id});
    from = end;
  }
  if (from < text.size()) out.push_back({from, text.size(), -1});
}

std::size_t AddedVocabulary::beyond(const Vocabulary& model) const {
  return static_cast<std::size_t>(
      std::count_if(ids_.begin(), ids_.end(), [&](const auto& token) { return !model.find(token.first); }));
}

void AddedVocabulary::hash_into(Hasher& hasher) const {
  for (const auto& [id, token] : tokens_) {
    const std::string flags = {token.single_word ? '1' : '0', token.lstrip ? '1' : '0', token.rstrip ? '1' : '0',
                               token.normalized ? '1' : '0',
                               encode_special_ && special_.contains(token.content) ? '1' : '0'};
    hasher.update(std::string_view(token.content)).update(std::string_view(std::to_string(id) + flags));
  }
}

}  // namespace deltascape::text
