// Owns arithmetic on sizes that come from files: a product or sum that overflows is seen, not wrapped.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace deltascape::io {

// False when the result does not fit; `out` is then undefined.
inline bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  return !__builtin_mul_overflow(a, b, &out);
}
inline bool add(std::uint64_t a, std::uint64_t b, std::uint64_t& out) { return !__builtin_add_overflow(a, b, &out); }

// The product of a shape, nothing when a dimension is negative or the product does not fit an int64.
inline std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  std::uint64_t product = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) empty = true;
    else if (!multiply(product, static_cast<std::uint64_t>(size), product) || product > INT64_MAX) return std::nullopt;
  }
  return empty ? 0 : product;
}

}  // namespace deltascape::io
