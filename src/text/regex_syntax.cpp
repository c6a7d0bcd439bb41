// Owns the translation of Oniguruma patterns (Ruby syntax, as Hugging Face `tokenizers` compiles them) to PCRE2.
// What means the same passes; what can be said otherwise is said otherwise; the rest is refused by name.
#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "deltascape/error.h"
#include "text/regex.h"

namespace deltascape::text {
namespace {

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where) : in_(pattern), where_(where) {}

  std::string run() {
    while (at_ < in_.size()) step();
    if (!groups_.empty()) refuse("an open group");
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorCode::kUnsupported,
                "a regular expression uses " + what + ", which this program does not translate",
                {.path = where_, .field = {}, .expected = {}, .found = std::string(in_)});
  }
  bool looking_at(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  char peek() const { return at_ < in_.size() ? in_[at_] : '\0'; }
  char take() {
    if (at_ >= in_.size()) refuse("an unfinished escape or class");
    return in_[at_++];
  }

  void step() {
    const char c = in_[at_];
    if (c == '\\') {
      atom_ = out_.size();
      ++at_;
      escape(false);
    } else if (c == '[') {
      atom_ = out_.size();
      ++at_;
      character_class();
    } else if (c == '(') {
      ++at_;
      open_group();
    } else if (c == ')') {
      if (groups_.empty()) refuse("an unmatched parenthesis");
      atom_ = groups_.back();
      groups_.pop_back();
      out_ += take();
    } else if (c == '*' || c == '+' || c == '?') {
      out_ += take();
      if (peek() == '?' || peek() == '+') out_ += take();
    } else if (c == '{' && interval()) {
      // written
    } else if (c == '{' || c == '}') {
      atom_ = out_.size();
      out_ += '\\';
      out_ += take();
    } else {
      atom_ = out_.size();
      out_ += take();
      while ((static_cast<unsigned char>(peek()) & 0xC0) == 0x80) out_ += take();  // a code point is one atom
    }
  }

  // {n}, {n,}, {n,m}, {,m}. In Ruby a `+` behind it repeats the whole once more, where PCRE2 makes it possessive.
  bool interval() {
    const std::size_t close = in_.find('}', at_);
    if (close == std::string_view::npos) return false;
    const std::string_view body = in_.substr(at_ + 1, close - at_ - 1);
    const std::size_t comma = body.find(',');
    const std::string low(body.substr(0, comma));
    const std::string high(comma == std::string_view::npos ? "" : body.substr(comma + 1));
    const auto digits = [](const std::string& s) {
      return s.size() < 6 && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    if (!digits(low) || !digits(high) || (low.empty() && high.empty())) return false;
    at_ = close + 1;
    out_ += '{' + (low.empty() ? "0" : low) + (comma == std::string_view::npos ? "" : "," + high) + '}';
    if (peek() == '?') {
      if (comma == std::string_view::npos) refuse("{n}?");
      out_ += take();
    } else if (peek() == '+' || peek() == '*') {
      out_.insert(atom_, "(?:");
      out_ += ')';
      out_ += take();
    }
    return true;
  }

  void open_group() {
    atom_ = out_.size();
    groups_.push_back(out_.size());
    out_ += '(';
    if (peek() != '?') return;
    out_ += take();
    for (const std::string_view same : {"<=", "<!", ":", "=", "!", ">"}) {
      if (!looking_at(same)) continue;
      out_ += same;
      at_ += same.size();
      return;
    }
    if (peek() == '<' || peek() == '#') {
      const char end = peek() == '<' ? '>' : ')';
      while (peek() != end) out_ += take();
      if (end == ')') groups_.pop_back();
      out_ += take();
      return;
    }
    options();
  }

  // (?i) (?i:…) (?m:…): Ruby's m is PCRE2's s. A bare (?i) reaches to the end of the group in both only where it
  // stands at the start of the group or of one of its alternatives.
  void options() {
    const std::size_t before = out_.size() - 2;
    while (peek() != ':' && peek() != ')') {
      const char c = take();
      if (c == 'm') {
        out_ += 's';
      } else if (c == 'i' || c == '-') {
        out_ += c;
      } else {
        refuse(std::string("the group (?") + c);
      }
    }
    const char end = take();
    out_ += end;
    if (end == ':') return;
    groups_.pop_back();
    if (before > 0 && out_[before - 1] != '(' && out_[before - 1] != ':' && out_[before - 1] != '|') {
      refuse("an option in the middle of an alternative");
    }
  }

  void property(char letter) {
    if (take() != '{') refuse("\\p without braces");
    bool negative = letter == 'P';
    if (peek() == '^') {
      negative = !negative;
      ++at_;
    }
    std::string name;
    while (peek() != '}') name += take();
    ++at_;
    const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
    if (name.empty() || !std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || c == '_'; })) {
      refuse("the property " + name);
    }
    static constexpr std::array kBinary = {std::string_view("Alphabetic"), std::string_view("White_Space"),
                                           std::string_view("Uppercase"),  std::string_view("Lowercase"),
                                           std::string_view("Emoji"),      std::string_view("Any")};
    out_ += negative ? "\\P{" : "\\p{";
    // PCRE2 reads a script's name as script extensions; Oniguruma as the script itself.
    const bool script = name.size() > 2 && std::find(kBinary.begin(), kBinary.end(), name) == kBinary.end();
    out_ += (script ? "sc:" : "") + name + '}';
  }

  void hexadecimal(std::size_t least, std::size_t most, bool braces) {
    std::string digits;
    if (braces) ++at_;
    while (digits.size() < most && std::isxdigit(static_cast<unsigned char>(peek()))) digits += take();
    if (digits.size() < least || (braces && take() != '}')) refuse("a broken \\x or \\u");
    if (!braces && most == 2 && digits.size() == 2 && digits[0] > '7') refuse("a raw byte above \\x7F");
    out_ += "\\x{" + digits + '}';
  }

  // Behind a backslash.
  void escape(bool in_class) {
    const char c = take();
    const std::string word(kOnigurumaWord);
    switch (c) {
      case 's': out_ += "\\p{White_Space}"; return;
      case 'S': out_ += "\\P{White_Space}"; return;
      case 'd': out_ += "\\p{Nd}"; return;
      case 'D': out_ += "\\P{Nd}"; return;
      case 'h': out_ += in_class ? "0-9A-Fa-f" : "[0-9A-Fa-f]"; return;
      case 'v': out_ += "\\x{0B}"; return;
      case 'w': out_ += in_class ? word : '[' + word + ']'; return;
      case 'p':
      case 'P': property(c); return;
      case 'x': hexadecimal(1, peek() == '{' ? 8 : 2, peek() == '{'); return;
      case 'u': hexadecimal(4, 4, false); return;
      case 'n':
      case 't':
      case 'r':
      case 'f':
      case 'a':
      case 'e':
        out_ += '\\';
        out_ += c;
        return;
      default: break;
    }
    if (!std::isalnum(static_cast<unsigned char>(c))) {
      if (static_cast<unsigned char>(c) < 0x80) out_ += '\\';
      out_ += c;
      return;
    }
    if (in_class) refuse(std::string("\\") + c + " in a class");
    const std::string behind = "(?<=[" + word + "])", ahead = "(?=[" + word + "])";
    const std::string not_behind = "(?<![" + word + "])", not_ahead = "(?![" + word + "])";
    switch (c) {
      case 'W': out_ += "[^" + word + ']'; return;
      case 'b': out_ += "(?:" + behind + not_ahead + '|' + not_behind + ahead + ')'; return;
      case 'B': out_ += "(?:" + behind + ahead + '|' + not_behind + not_ahead + ')'; return;
      case 'A':
      case 'z':
      case 'Z':
      case 'G':
      case 'R':
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
      case '7':
      case '8':
      case '9':
        out_ += '\\';
        out_ += c;
        return;
      default: refuse(std::string("\\") + c);
    }
  }

  void character_class() {
    out_ += '[';
    if (peek() == '^') out_ += take();
    if (peek() == ']') refuse("an empty class");
    while (peek() != ']') {
      const char c = take();
      if (c == '[') refuse("a class inside a class");
      if (c == '&' && peek() == '&') refuse("an intersection of classes");
      if (c == '\\') {
        escape(true);
      } else {
        out_ += c;
      }
    }
    out_ += take();
  }

  std::string_view in_;
  const std::string& where_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = 0;             // where the last atom starts in out_
  std::vector<std::size_t> groups_;  // where the open groups start in out_
};

}  // namespace

std::string oniguruma_to_pcre(std::string_view pattern, const std::string& where) {
  return Translator(pattern, where).run();
}

}  // namespace deltascape::text
