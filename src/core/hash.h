// Owns content hashing: 128-bit XXH3, printed as 32 hex digits. It tells contents apart; it is no signature.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace deltascape {

class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  Hasher& update(std::span<const std::byte> bytes);
  // Adds the length before the text, so that ("ab","c") and ("a","bc") differ.
  Hasher& update(std::string_view text);
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deltascape
