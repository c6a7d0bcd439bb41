// Owns regular expressions from users and configuration files (PCRE2, UTF-8): bounded work, errors that name the
// pattern.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace deltascape {

class Regex {
 public:
  // Throws Error(kUsage) with the position and reason when the pattern does not compile.
  explicit Regex(const std::string& pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Where the pattern first matches: its first capture group that took part, else the whole match.
  // Throws Error(kUsage) when the pattern needs unbounded work on this text.
  std::optional<std::string> search(std::string_view text) const;

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace deltascape
