// Owns the bit patterns of the small float types: exact conversion to float, and from float to half.
#pragma once

#include <bit>
#include <cstdint>

namespace deltascape::io {

inline float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

// Rounds to nearest, ties to even; for finite values.
inline std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

// Without branches, so that loops over it vectorise. Subnormals come out of an exact subtraction; a NaN keeps its
// payload and becomes quiet, as F16C does it.
inline float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const std::uint32_t rest = bits & 0x7FFFu;
  const std::uint32_t normal = (rest << 13) + ((127 - 15) << 23);
  // 2^-14 + mantissa · 2^-24, minus 2^-14
  const float subnormal = std::bit_cast<float>((rest << 13) + (113u << 23)) - std::bit_cast<float>(113u << 23);
  const std::uint32_t special = (rest << 13) | 0x7F800000u | (rest > 0x7C00u ? 0x00400000u : 0u);
  const std::uint32_t magnitude = rest >= 0x7C00u   ? special
                                  : rest >= 0x0400u ? normal
                                                    : std::bit_cast<std::uint32_t>(subnormal);
  return std::bit_cast<float>(magnitude | sign);
}

// Rounds to nearest, ties to even; overflow gives infinity, a NaN stays one.
inline std::uint16_t to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<std::uint16_t>(sign | 0x7E00u);
  if (magnitude >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // rounds to 65536 or more
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 leaves the subnormal's mantissa in the low bits, rounded
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000u));
  }
  const std::uint32_t rounded = magnitude + 0x0FFFu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

// 1-4-3 without infinities (FN) and 1-5-2 as IEEE, arXiv 2209.05433.
inline float from_f8_e4m3(std::uint8_t bits) {
  const unsigned rest = bits & 0x7Fu, exponent = rest >> 3, mantissa = rest & 7u;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x80u) << 24;
  if (rest == 0x7F) return std::bit_cast<float>(sign | 0x7FC00000u);
  if (exponent == 0) {  // mantissa · 2^-9
    const float value = static_cast<float>(mantissa) * 0x1p-9f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
  return std::bit_cast<float>(sign | ((exponent + 120u) << 23) | (mantissa << 20));
}
inline float from_f8_e5m2(std::uint8_t bits) { return from_f16(static_cast<std::uint16_t>(bits << 8)); }

}  // namespace deltascape::io
