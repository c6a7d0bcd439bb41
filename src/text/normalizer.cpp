// The normalisers of `tokenizers`: Sequence, NFC/NFD/NFKC/NFKD, Nmt, Lowercase, Strip, StripAccents, Prepend, Replace,
// Precompiled, ByteLevel, BertNormalizer.
#include "text/normalizer.h"

#include <functional>
#include <utility>
#include <vector>

#include "deltascape/error.h"
#include "text/charsmap.h"
#include "text/component.h"
#include "text/pre_tokenizer.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace deltascape::text {
namespace {

// A chain of replacements could grow a line without end; honest ones at most triple it.
constexpr std::size_t kMaxGrowth = std::size_t{1} << 20;

// Most kinds are one pure function.
class Function : public Normalizer {
 public:
  explicit Function(std::function<std::string(std::string)> function) : function_(std::move(function)) {}
  std::string apply(std::string text) const override { return function_(std::move(text)); }

 private:
  std::function<std::string(std::string)> function_;
};

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}
  std::string apply(std::string text) const override {
    for (const auto& part : parts_) {
      if (part) text = part->apply(std::move(text));
    }
    return text;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

class Replace : public Normalizer {
 public:
  Replace(Regex pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  std::string apply(std::string text) const override {
    std::vector<Match> matches;
    if (!text.empty()) pattern_.find_all(text, matches);
    if (matches.empty()) return text;
    std::string out;
    std::size_t from = 0;
    for (const Match& match : matches) {
      out.append(text, from, match.begin - from);
      out += content_;
      if (out.size() > kMaxGrowth + 64 * text.size())
        throw Error(ErrorCode::kBadFile, "a Replace normaliser expands the text beyond the size limit",
                    {.path = {}, .field = "normalizer", .expected = {}, .found = {}});
      from = match.end;
    }
    return out.append(text, from);
  }

 private:
  Regex pattern_;
  std::string content_;
};

std::string strip(const std::string& text, bool left, bool right) {
  std::size_t begin = 0, end = text.size();
  for (std::size_t i = 0; left && i < text.size(); begin = i) {
    if (!is_white_space(next_code_point(text, i))) break;
  }
  while (right && end > begin) {
    std::size_t at = end - 1;
    while (at > begin && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
    std::size_t i = at;
    if (!is_white_space(next_code_point(text, i))) break;
    end = at;
  }
  return text.substr(begin, end - begin);
}

std::string strip_accents(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t at = i;
    if (!is_combining_mark(next_code_point(text, i))) out.append(text, at, i - at);
  }
  return out;
}

struct BertRules {
  bool clean_text, chinese, strip_accents, lowercase;
};

std::string bert(std::string text, const BertRules& rules) {
  const auto map = [&](const auto& put) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t at = i;
      const char32_t c = next_code_point(text, i);
      put(out, c, std::string_view(text).substr(at, i - at));
    }
    text = std::move(out);
  };
  if (rules.clean_text) {
    map([](std::string& out, char32_t c, std::string_view character) {
      if (c == 0 || c == 0xFFFD || is_removed_by_bert(c)) return;
      out += is_white_space(c) ? " " : character;
    });
  }
  if (rules.chinese) {
    map([](std::string& out, char32_t c, std::string_view character) {
      const bool apart = is_chinese(c);
      if (apart) out += ' ';
      out += character;
      if (apart) out += ' ';
    });
  }
  if (rules.strip_accents) {
    text = normalize(text, NormalForm::kNfd);
    map([](std::string& out, char32_t c, std::string_view character) {
      if (!is_mark_nonspacing(c)) out += character;
    });
  }
  return rules.lowercase ? lower_case(text) : text;
}

// SentencePiece's rules of that name without its compatibility forms: controls go, odd white space becomes a space.
std::string nmt(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t at = i;
    const char32_t c = next_code_point(text, i);
    switch (c) {
      case 0x9:
      case 0xA:
      case 0xC:
      case 0xD:
      case 0x1680:
      case 0x200B:
      case 0x200C:
      case 0x200D:
      case 0x200E:
      case 0x200F:
      case 0x2028:
      case 0x2029:
      case 0x2581:
      case 0xFEFF:
      case 0xFFFD: out += ' '; continue;
      case 0x7F:
      case 0x8F:
      case 0x9F: continue;
      default: break;
    }
    if (c == 0 || c >= 0x20) out.append(text, at, i - at);
  }
  return out;
}

std::unique_ptr<Normalizer> function(std::function<std::string(std::string)> body) {
  return std::make_unique<Function>(std::move(body));
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const io::Json& json, const std::string& where) {
  if (json.is_null()) return nullptr;
  const Component part(json, where);
  const std::string& type = part.type();
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> parts;
    for (const io::Json& child : part.array("normalizers")) parts.push_back(make_normalizer(child, where));
    return std::make_unique<Sequence>(std::move(parts));
  }
  if (type == "NFC") return function([](const std::string& text) { return normalize(text, NormalForm::kNfc); });
  if (type == "NFD") return function([](const std::string& text) { return normalize(text, NormalForm::kNfd); });
  if (type == "NFKC") return function([](const std::string& text) { return normalize(text, NormalForm::kNfkc); });
  if (type == "NFKD") return function([](const std::string& text) { return normalize(text, NormalForm::kNfkd); });
  if (type == "Nmt") return function([](const std::string& text) { return nmt(text); });
  if (type == "ByteLevel") {
    return function([](const std::string& text) {
      std::string out;
      for (const char c : text) out += byte_characters()[static_cast<unsigned char>(c)];
      return out;
    });
  }
  if (type == "Lowercase") return function([](const std::string& text) { return lower_case(text); });
  if (type == "StripAccents") return function([](const std::string& text) { return strip_accents(text); });
  if (type == "Strip") {
    const bool left = part.boolean("strip_left"), right = part.boolean("strip_right");
    return function([=](const std::string& text) { return strip(text, left, right); });
  }
  if (type == "Prepend") {
    return function(
        [prefix = part.string("prepend")](const std::string& text) { return text.empty() ? text : prefix + text; });
  }
  if (type == "Replace") return std::make_unique<Replace>(part.pattern(), part.string("content"));
  if (type == "Precompiled") {
    const auto bytes = decode_base64(part.string("precompiled_charsmap"));
    if (!bytes) part.fail("precompiled_charsmap", "base64");
    return function(
        [map = std::make_shared<const Charsmap>(*bytes, where)](const std::string& text) { return map->apply(text); });
  }
  if (type == "BertNormalizer") {
    const bool lowercase = part.boolean("lowercase");
    const BertRules rules{.clean_text = part.boolean("clean_text"),
                          .chinese = part.boolean("handle_chinese_chars"),
                          .strip_accents = part.boolean("strip_accents", lowercase),
                          .lowercase = lowercase};
    return function([rules](std::string text) { return bert(std::move(text), rules); });
  }
  part.unsupported("the normalizer " + type);
}

}  // namespace deltascape::text
