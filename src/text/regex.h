// Owns regular expressions over UTF-8 with the meaning Hugging Face `tokenizers` gives them (Oniguruma, Ruby syntax,
// Unicode 16), run by PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::text {

struct Match {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Immutable and thread-safe. A pattern that needs unbounded work ends with Error(kUnsupported).
class Regex {
 public:
  enum class Syntax {
    kOniguruma,  // translated; a construct whose meaning would differ is refused by name
    kLiteral,    // the text itself
    kPcre,       // our own patterns
  };
  // `where` names file and field in messages.
  Regex(const std::string& pattern, Syntax syntax, std::string where);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Appends every match from left to right, as Oniguruma's find_iter does (an empty match directly behind the match
  // before it is skipped). `text` is well-formed UTF-8.
  void find_all(std::string_view text, std::vector<Match>& out) const;

 private:
  struct Code;
  std::unique_ptr<const Code> code_;
};

// An Oniguruma pattern (Ruby syntax) as a PCRE2 pattern of the same meaning. Throws Error(kUnsupported).
std::string oniguruma_to_pcre(std::string_view pattern, const std::string& where);
// A set of code points for use inside [...]: Oniguruma's \w.
inline constexpr std::string_view kOnigurumaWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
// The same for the \w of Rust's regex crate.
inline constexpr std::string_view kRustWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D})";

}  // namespace deltascape::text
