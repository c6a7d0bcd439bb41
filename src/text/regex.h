// Regular expressions over UTF-8, run by Oniguruma: the library inside Hugging Face `tokenizers`, with the syntax and
// the way of going through a text that it has there.
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

// Immutable and thread-safe.
class Regex {
 public:
  // `where` names file and field in messages. Throws Error(kBadFile) for a pattern that does not compile.
  Regex(const std::string& pattern, std::string where);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Finds `text` itself.
  static Regex literal(std::string text);

  // Appends every match from left to right (an empty match directly behind the match before it is skipped). `text` is
  // well-formed UTF-8. Throws Error(kUnsupported) where the pattern needs unbounded work on this text.
  void find_all(std::string_view text, std::vector<Match>& out) const;

 private:
  struct Code;
  explicit Regex(std::unique_ptr<const Code> code);
  std::unique_ptr<const Code> code_;
};

// The \w of Rust's regex crate, for use inside [...].
inline constexpr std::string_view kRustWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D})";

}  // namespace deltascape::text
