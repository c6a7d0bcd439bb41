// The pre-tokenisers of `tokenizers`: Sequence, ByteLevel, Split, CharDelimiterSplit, Digits, FixedLength, Whitespace,
// WhitespaceSplit, Punctuation, Metaspace, BertPreTokenizer.
#include "text/pre_tokenizer.h"

#include <array>
#include <optional>
#include <utility>

#include "text/component.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// A stretch of a piece: a match of the delimiter, or what lies between two.
struct Stretch {
  Match at;
  bool is_match = false;
};

// `matches` as stretches that cover [0, size).
std::vector<Stretch> cover(const std::vector<Match>& matches, std::size_t size, bool invert) {
  std::vector<Stretch> out;
  std::size_t from = 0;
  for (const Match& match : matches) {
    if (match.begin > from) out.push_back({{from, match.begin}, invert});
    out.push_back({match, !invert});
    from = match.end;
  }
  if (from < size) out.push_back({{from, size}, invert});
  return out;
}

// The ranges `tokenizers` keeps for each behaviour. A match joins its neighbour only when that one is no match.
std::vector<Match> kept(const std::vector<Stretch>& stretches, Behavior behavior) {
  std::vector<Match> out;
  bool previous = false;
  switch (behavior) {
    case Behavior::kIsolated:
      for (const Stretch& s : stretches) out.push_back(s.at);
      break;
    case Behavior::kRemoved:
      for (const Stretch& s : stretches) {
        if (!s.is_match) out.push_back(s.at);
      }
      break;
    case Behavior::kContiguous:
    case Behavior::kMergedWithPrevious:
      for (const Stretch& s : stretches) {
        const bool joins = behavior == Behavior::kContiguous ? s.is_match == previous : s.is_match && !previous;
        if (joins && !out.empty()) {
          out.back().end = s.at.end;
        } else {
          out.push_back(s.at);
        }
        previous = s.is_match;
      }
      break;
    case Behavior::kMergedWithNext:
      for (auto s = stretches.rbegin(); s != stretches.rend(); ++s) {
        if (s->is_match && !previous && !out.empty()) {
          out.back().begin = s->at.begin;
        } else {
          out.push_back(s->at);
        }
        previous = s->is_match;
      }
      std::vector<Match>(out.rbegin(), out.rend()).swap(out);
      break;
  }
  return out;
}

// Splits every piece at what `find(view, matches)` finds.
template <class Find>
void split_pieces(Pieces& pieces, const Find& find, Behavior behavior, bool invert = false) {
  std::vector<Piece> out;
  std::vector<Match> matches;
  for (const Piece& piece : pieces.pieces) {
    matches.clear();
    find(pieces.view(piece), matches);
    for (const Match& range : kept(cover(matches, piece.end - piece.begin, invert), behavior)) {
      if (range.begin == range.end) continue;
      out.push_back({piece.begin + range.begin, piece.begin + range.end, piece.at_start && range.begin == 0});
    }
  }
  pieces.pieces = std::move(out);
}

// Splits at code points of a class.
template <class Is>
auto each(Is is) {
  return [is](std::string_view text, std::vector<Match>& out) {
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t at = i;
      if (is(next_code_point(text, i))) out.push_back({at, i});
    }
  };
}

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  void apply(Pieces& pieces) const override {
    for (const auto& part : parts_) {
      if (part) part->apply(pieces);
    }
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

class Split : public PreTokenizer {
 public:
  Split(Regex pattern, Behavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(Pieces& pieces) const override {
    split_pieces(
        pieces, [this](std::string_view text, std::vector<Match>& out) { pattern_.find_all(text, out); }, behavior_,
        invert_);
  }

 private:
  Regex pattern_;
  Behavior behavior_;
  bool invert_;
};

template <class Is>
class SplitAt : public PreTokenizer {
 public:
  SplitAt(Is is, Behavior behavior) : is_(is), behavior_(behavior) {}
  void apply(Pieces& pieces) const override { split_pieces(pieces, each(is_), behavior_); }

 private:
  Is is_;
  Behavior behavior_;
};

class FixedLength : public PreTokenizer {
 public:
  explicit FixedLength(std::int32_t length) : length_(length) {}
  void apply(Pieces& pieces) const override {
    const auto cut = [this](std::string_view text, std::vector<Match>& out) {
      for (std::size_t end = 0; end < text.size();) {
        const std::size_t begin = end;
        for (std::int32_t i = 0; i < length_ && end < text.size(); ++i) end += utf8_length(text[end]);
        out.push_back({begin, end});
      }
    };
    split_pieces(pieces, cut, Behavior::kIsolated);
  }

 private:
  std::int32_t length_;  // in code points
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
    if (use_regex) pattern_.emplace(kGpt2Pattern, "GPT-2's pattern");
  }
  void apply(Pieces& pieces) const override {
    if (add_prefix_space_) prefix(pieces);
    if (pattern_) {
      split_pieces(
          pieces, [this](std::string_view text, std::vector<Match>& out) { pattern_->find_all(text, out); },
          Behavior::kIsolated);
    }
    Pieces mapped;
    mapped.text.reserve(pieces.text.size() * 2);
    mapped.pieces.reserve(pieces.pieces.size());
    const auto& characters = byte_characters();
    for (const Piece& piece : pieces.pieces) {
      const std::size_t begin = mapped.text.size();
      for (const char c : pieces.view(piece)) mapped.text += characters[static_cast<unsigned char>(c)];
      mapped.pieces.push_back({begin, mapped.text.size(), piece.at_start});
    }
    pieces = std::move(mapped);
  }

 private:
  static void prefix(Pieces& pieces) {
    Pieces out;
    for (const Piece& piece : pieces.pieces) {
      const std::string_view view = pieces.view(piece);
      const std::size_t begin = out.text.size();
      if (!view.starts_with(' ')) out.text += ' ';
      out.text += view;
      out.pieces.push_back({begin, out.text.size(), piece.at_start});
    }
    pieces = std::move(out);
  }

  bool add_prefix_space_;
  std::optional<Regex> pattern_;
};

class Metaspace : public PreTokenizer {
 public:
  enum class Prepend { kAlways, kFirst, kNever };
  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)), prepend_(prepend), split_(split) {}
  void apply(Pieces& pieces) const override {
    Pieces out;
    for (const Piece& piece : pieces.pieces) {
      const std::string_view view = pieces.view(piece);
      const std::size_t begin = out.text.size();
      const bool starts = view.starts_with(' ') || view.starts_with(replacement_);
      if (!starts && (prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && piece.at_start))) {
        out.text += replacement_;
      }
      for (const char c : view) {
        if (c == ' ') {
          out.text += replacement_;
        } else {
          out.text += c;
        }
      }
      out.pieces.push_back({begin, out.text.size(), piece.at_start});
    }
    pieces = std::move(out);
    if (!split_) return;
    const auto find = [this](std::string_view text, std::vector<Match>& matches) {
      for (std::size_t at = text.find(replacement_); at != std::string_view::npos;
           at = text.find(replacement_, at + replacement_.size())) {
        matches.push_back({at, at + replacement_.size()});
      }
    };
    split_pieces(pieces, find, Behavior::kMergedWithNext);
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  bool split_;
};

Behavior behavior_of(const Component& part, const std::string& when_absent) {
  const std::string name = when_absent.empty() ? part.string("behavior") : part.string("behavior", when_absent);
  if (name == "Removed") return Behavior::kRemoved;
  if (name == "Isolated") return Behavior::kIsolated;
  if (name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::kMergedWithNext;
  if (name == "Contiguous") return Behavior::kContiguous;
  part.fail("behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

std::string character(const Component& part, const char* key) {
  std::string out = part.string(key);
  if (out.empty() || utf8_length(out[0]) != out.size()) part.fail(key, "one character");
  return out;
}

std::unique_ptr<PreTokenizer> make_metaspace(const Component& part) {
  const std::string replacement = character(part, "replacement");
  std::string scheme = part.string("prepend_scheme", "always");
  if (!part.boolean("add_prefix_space", true)) {
    if (scheme != "never") part.fail("prepend_scheme", "never, as add_prefix_space is false");
  }
  Metaspace::Prepend prepend = Metaspace::Prepend::kAlways;
  if (scheme == "first") {
    prepend = Metaspace::Prepend::kFirst;
  } else if (scheme == "never") {
    prepend = Metaspace::Prepend::kNever;
  } else if (scheme != "always") {
    part.fail("prepend_scheme", "always, first or never");
  }
  return std::make_unique<Metaspace>(replacement, prepend, part.boolean("split", true));
}

template <class Is>
std::unique_ptr<PreTokenizer> split_at(Is is, Behavior behavior) {
  return std::make_unique<SplitAt<Is>>(is, behavior);
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const io::Json& json, const std::string& where) {
  if (json.is_null()) return nullptr;
  const Component part(json, where);
  const std::string& type = part.type();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PreTokenizer>> parts;
    for (const io::Json& child : part.array("pretokenizers")) parts.push_back(make_pre_tokenizer(child, where));
    return std::make_unique<Sequence>(std::move(parts));
  }
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevel>(part.boolean("add_prefix_space"), part.boolean("use_regex", true));
  }
  if (type == "Split") {
    return std::make_unique<Split>(part.pattern(), behavior_of(part, ""), part.boolean("invert"));
  }
  if (type == "CharDelimiterSplit") {
    return std::make_unique<Split>(Regex::literal(character(part, "delimiter")), Behavior::kRemoved, false);
  }
  if (type == "FixedLength") {
    const std::int32_t length = part.json().contains("length") ? part.integer("length") : 5;
    if (length == 0) part.fail("length", "at least 1");
    return std::make_unique<FixedLength>(length);
  }
  if (type == "Digits") {
    return split_at(&is_numeric, part.boolean("individual_digits") ? Behavior::kIsolated : Behavior::kContiguous);
  }
  if (type == "Whitespace") {
    const std::string word(kRustWord);
    Regex words("[" + word + "]+|[^" + word + R"(\p{White_Space}]+)", where);
    return std::make_unique<Split>(std::move(words), Behavior::kRemoved, true);
  }
  if (type == "WhitespaceSplit") return split_at(&is_white_space, Behavior::kRemoved);
  if (type == "Punctuation") return split_at(&is_punctuation, behavior_of(part, "Isolated"));
  if (type == "Metaspace") return make_metaspace(part);
  if (type == "BertPreTokenizer") {
    std::vector<std::unique_ptr<PreTokenizer>> parts;
    parts.push_back(split_at(&is_white_space, Behavior::kRemoved));
    parts.push_back(split_at(&is_punctuation, Behavior::kIsolated));
    return std::make_unique<Sequence>(std::move(parts));
  }
  part.unsupported("the pre-tokenizer " + type);
}

const std::array<std::string, 256>& byte_characters() {
  static const auto table = [] {
    std::array<std::string, 256> out;
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool prints = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      append_utf8(out[static_cast<std::size_t>(byte)], prints ? static_cast<char32_t>(byte) : next++);
    }
    return out;
  }();
  return table;
}

}  // namespace deltascape::text
