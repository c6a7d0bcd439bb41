// Owns finding NaN and Inf in weights: by their bits, without decoding.
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "deltascape/error.h"
#include "io/simd.h"
#include "io/tensor_file.h"

namespace deltascape::io {
namespace {

template <class T>
DELTASCAPE_INLINE T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

struct Found {
  std::uint64_t index;
  bool nan;
};

// The first of `count` numbers, `stride` bytes apart, whose bits under `exponent` are all set. `mantissa` tells NaN
// from Inf. Pieces are scanned without a branch inside, so that the loop vectorises.
template <class T, std::size_t stride = sizeof(T)>
std::optional<Found> first_special(const std::byte* at, std::uint64_t count, T exponent, T mantissa) {
  constexpr std::uint64_t kPiece = 4096;
  for (std::uint64_t done = 0; done < count; done += kPiece) {
    const std::uint64_t now = std::min(kPiece, count - done);
    const std::byte* piece = at + done * stride;
    T any = 0;
    run_widest([&]() __attribute__((always_inline)) {
      T found = 0;
      for (std::uint64_t i = 0; i < now; ++i)
        found = static_cast<T>(found | static_cast<T>((load<T>(piece + i * stride) & exponent) == exponent));
      any = found;
    });
    if (any == 0) continue;
    for (std::uint64_t i = 0; i < now; ++i) {
      const T bits = load<T>(piece + i * stride);
      if ((bits & exponent) == exponent) return Found{done + i, (bits & mantissa) != 0};
    }
  }
  return std::nullopt;
}

template <std::size_t stride>
std::optional<Found> special_scale(const std::byte* at, std::uint64_t blocks) {
  return first_special<std::uint16_t, stride>(at, blocks, 0x7C00, 0x03FF);
}

// The half-precision scales inside each block (ggml_blocks.h).
std::optional<Found> find_in_scales(DType dtype, const std::byte* at, std::uint64_t blocks) {
  const auto either = [&](auto first, auto second) { return first ? first : second; };
  switch (dtype) {
    case DType::kQ4_0:
    case DType::kIQ4_NL: return special_scale<18>(at, blocks);
    case DType::kQ4_1: return either(special_scale<20>(at, blocks), special_scale<20>(at + 2, blocks));
    case DType::kQ5_0: return special_scale<22>(at, blocks);
    case DType::kQ5_1: return either(special_scale<24>(at, blocks), special_scale<24>(at + 2, blocks));
    case DType::kQ8_0: return special_scale<34>(at, blocks);
    case DType::kQ2_K: return either(special_scale<84>(at + 80, blocks), special_scale<84>(at + 82, blocks));
    case DType::kQ3_K: return special_scale<110>(at + 108, blocks);
    case DType::kQ4_K: return either(special_scale<144>(at, blocks), special_scale<144>(at + 2, blocks));
    case DType::kQ5_K: return either(special_scale<176>(at, blocks), special_scale<176>(at + 2, blocks));
    case DType::kQ6_K: return special_scale<210>(at + 208, blocks);
    default: return std::nullopt;
  }
}

std::optional<Found> find_special(DType dtype, std::span<const std::byte> bytes, std::uint64_t count) {
  const std::byte* at = bytes.data();
  switch (dtype) {
    case DType::kF64: return first_special<std::uint64_t>(at, count, 0x7FF0'0000'0000'0000, 0x000F'FFFF'FFFF'FFFF);
    case DType::kF32: return first_special<std::uint32_t>(at, count, 0x7F80'0000, 0x007F'FFFF);
    case DType::kF16: return first_special<std::uint16_t>(at, count, 0x7C00, 0x03FF);
    case DType::kBF16: return first_special<std::uint16_t>(at, count, 0x7F80, 0x007F);
    case DType::kF8E4M3: return first_special<std::uint8_t>(at, count, 0x7F, 0x7F);  // NaN alone, no Inf
    case DType::kF8E5M2: return first_special<std::uint8_t>(at, count, 0x7C, 0x03);
    default: return is_quantised(dtype) ? find_in_scales(dtype, at, count / info(dtype).block) : std::nullopt;
  }
}

}  // namespace

bool is_finite(DType dtype, std::span<const std::byte> bytes, std::uint64_t count) {
  return !find_special(dtype, bytes, count);
}

void check_finite(const TensorFile& file, const TensorInfo& tensor) {
  const auto found = find_special(tensor.dtype, file.bytes(tensor), tensor.elements);
  if (!found) return;
  const std::string what = is_quantised(tensor.dtype) ? "the scale of block " : "element ";
  throw Error(ErrorCode::kNumeric, what + std::to_string(found->index) + " is no finite number",
              {.path = file.path().string(),
               .field = tensor.name,
               .expected = "finite weights",
               .found = found->nan ? "NaN" : "Inf"});
}

}  // namespace deltascape::io
