#include "store/row_texts.h"

#include <optional>

namespace deltascape::store {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// Walks over JSON without understanding it: where values end. Whoever parses the pieces finds what is wrong in them.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}
  std::size_t at() const { return at_; }
  char next() {  // the next character that is no blank, or 0
    at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (next() != c) return false;
    ++at_;
    return true;
  }
  // A string's text between its quotes; empty where there is none, or no end.
  std::optional<std::string_view> string() {
    if (!take('"')) return std::nullopt;
    for (const std::size_t start = at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') ++at_;
      else if (text_[at_] == '"') return text_.substr(start, at_++ - start);
    }
    return std::nullopt;
  }
  // Over a value of any kind; false where it has no end.
  bool value() {
    std::size_t depth = 0;
    do {
      const char c = next();
      if (c == '\0') return false;
      if (c == '"') {
        if (!string()) return false;
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      else if ((c == '}' || c == ']') && depth-- == 0) return false;
      ++at_;
      if (depth == 0 && c != '}' && c != ']')  // a number or a word
        at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    } while (depth > 0);
    return true;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// The places of the objects of a list; false for another list.
bool objects(Walk& walk, std::vector<std::pair<std::size_t, std::size_t>>& out) {
  if (!walk.take('[')) return false;
  if (walk.take(']')) return true;
  do {
    if (walk.next() != '{') return false;
    const std::size_t start = walk.at();
    if (!walk.value()) return false;
    out.emplace_back(start, walk.at() - start);
  } while (walk.take(','));
  return walk.take(']');
}

}  // namespace

RowTexts::RowTexts(std::string document) : document_(std::move(document)) {
  Walk walk(document_);
  std::size_t start = 0, end = 0;
  bool found = false;
  if (walk.take('{')) do {
      const auto key = walk.string();
      if (!key || !walk.take(':')) break;
      if (*key == "rows") {
        walk.next();
        start = walk.at();
        found = objects(walk, rows_);
        end = walk.at();
        break;
      }
      if (!walk.value()) break;
    } while (walk.take(','));
  if (found) rest_ = document_.substr(0, start) + "[]" + document_.substr(end);
  else rows_.clear(), rest_ = document_;
}

}  // namespace deltascape::store
