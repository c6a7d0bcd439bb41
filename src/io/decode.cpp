// Owns turning a tensor's bytes into floats or doubles.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <type_traits>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

#include "deltascape/error.h"
#include "io/ggml_blocks.h"
#include "io/mapped_tensors.h"
#include "io/simd.h"

namespace deltascape::io {
namespace {

// Tensors of a safetensors file may start at any address.
template <class T>
DELTASCAPE_INLINE T load(const std::byte* at, std::uint64_t i) {
  T value;
  std::memcpy(&value, at + i * sizeof(T), sizeof(T));
  return value;
}

template <class T, class Out>
void convert(const std::byte* in, Out* out, std::uint64_t count) {
  if constexpr (std::is_same_v<T, Out>) {
    std::memcpy(out, in, count * sizeof(T));
  } else {
    run_widest([=]() __attribute__((always_inline)) {
      for (std::uint64_t i = 0; i < count; ++i) out[i] = static_cast<Out>(load<T>(in, i));
    });
  }
}

void convert_bf16(const std::byte* in, float* out, std::uint64_t count) {
  run_widest([=]() __attribute__((always_inline)) {
    for (std::uint64_t i = 0; i < count; ++i) out[i] = from_bf16(load<std::uint16_t>(in, i));
  });
}

#if defined(__x86_64__) && defined(__GNUC__)
DELTASCAPE_AVX2 std::uint64_t convert_f16_by_eight(const std::byte* in, float* out, std::uint64_t count) {
  std::uint64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 2 * i));
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
  }
  return i;
}
#endif

void convert_f16(const std::byte* in, float* out, std::uint64_t count) {
  std::uint64_t i = 0;
#if defined(__x86_64__) && defined(__GNUC__)
  if (has_avx2()) i = convert_f16_by_eight(in, out, count);
#endif
  for (; i < count; ++i) out[i] = from_f16(load<std::uint16_t>(in, i));
}

template <float (*convert_one)(std::uint8_t)>
void convert_f8(const std::byte* in, float* out, std::uint64_t count) {
  static const auto table = [] {
    std::array<float, 256> values{};
    for (unsigned i = 0; i < 256; ++i) values[i] = convert_one(static_cast<std::uint8_t>(i));
    return values;
  }();
  for (std::uint64_t i = 0; i < count; ++i) out[i] = table[static_cast<std::uint8_t>(in[i])];
}

template <class Block>
void convert_blocks(const std::byte* in, float* out, std::uint64_t count) {
  run_widest([=]() __attribute__((always_inline)) {
    const auto* block = reinterpret_cast<const std::uint8_t*>(in);
    for (std::uint64_t i = 0; i < count; i += Block::kElements, block += Block::kBytes) Block::decode(block, out + i);
  });
}

template <class Out>
void convert_bool(const std::byte* in, Out* out, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) out[i] = in[i] != std::byte{0} ? Out{1} : Out{0};
}

// The types that need more bits than a float has, or none of its steps; false for the others.
template <class Out>
bool convert_wide(DType dtype, const std::byte* in, Out* out, std::uint64_t count) {
  switch (dtype) {
    case DType::kF64: convert<double>(in, out, count); return true;
    case DType::kF32: convert<float>(in, out, count); return true;
    case DType::kI64: convert<std::int64_t>(in, out, count); return true;
    case DType::kI32: convert<std::int32_t>(in, out, count); return true;
    case DType::kI16: convert<std::int16_t>(in, out, count); return true;
    case DType::kI8: convert<std::int8_t>(in, out, count); return true;
    case DType::kU64: convert<std::uint64_t>(in, out, count); return true;
    case DType::kU32: convert<std::uint32_t>(in, out, count); return true;
    case DType::kU16: convert<std::uint16_t>(in, out, count); return true;
    case DType::kU8: convert<std::uint8_t>(in, out, count); return true;
    case DType::kBool: convert_bool(in, out, count); return true;
    default: return false;
  }
}

void convert_narrow(DType dtype, const std::byte* in, float* out, std::uint64_t count) {
  switch (dtype) {
    case DType::kF16: return convert_f16(in, out, count);
    case DType::kBF16: return convert_bf16(in, out, count);
    case DType::kF8E4M3: return convert_f8<from_f8_e4m3>(in, out, count);
    case DType::kF8E5M2: return convert_f8<from_f8_e5m2>(in, out, count);
    case DType::kQ4_0: return convert_blocks<ggml::Q4_0>(in, out, count);
    case DType::kQ4_1: return convert_blocks<ggml::Q4_1>(in, out, count);
    case DType::kQ5_0: return convert_blocks<ggml::Q5_0>(in, out, count);
    case DType::kQ5_1: return convert_blocks<ggml::Q5_1>(in, out, count);
    case DType::kQ8_0: return convert_blocks<ggml::Q8_0>(in, out, count);
    case DType::kQ2_K: return convert_blocks<ggml::Q2_K>(in, out, count);
    case DType::kQ3_K: return convert_blocks<ggml::Q3_K>(in, out, count);
    case DType::kQ4_K: return convert_blocks<ggml::Q4_K>(in, out, count);
    case DType::kQ5_K: return convert_blocks<ggml::Q5_K>(in, out, count);
    case DType::kQ6_K: return convert_blocks<ggml::Q6_K>(in, out, count);
    case DType::kIQ4_NL: return convert_blocks<ggml::IQ4_NL>(in, out, count);
    default: throw Error(ErrorCode::kInternal, "an element type without a decoder");
  }
}

void check_sizes(DType dtype, std::span<const std::byte> bytes, std::uint64_t count) {
  std::uint64_t needed = 0;
  if (byte_count(dtype, count, needed) && needed == bytes.size()) return;
  throw Error(ErrorCode::kMismatch, "the bytes do not hold this many elements",
              {.path = {},
               .field = {},
               .expected = std::to_string(count) + " elements of " + std::string(info(dtype).name),
               .found = std::to_string(bytes.size()) + " bytes"});
}

// Elements that are decoded at a time where a second look or a second step follows: whole blocks of every type, and
// small enough for the first-level cache together with what they become.
constexpr std::uint64_t kPiece = 2048;

std::span<const std::byte> piece_of(DType dtype, std::span<const std::byte> bytes, std::uint64_t first,
                                    std::uint64_t count) {
  const DTypeInfo& type = info(dtype);
  return bytes.subspan(first / type.block * type.block_bytes, count / type.block * type.block_bytes);
}

// Calls step(piece, first, count) for every piece that is finite; false at the first that is not.
template <class Step>
bool for_finite_pieces(DType dtype, std::span<const std::byte> bytes, std::uint64_t count, Step&& step) {
  check_sizes(dtype, bytes, count);
  for (std::uint64_t done = 0; done < count; done += kPiece) {
    const std::uint64_t now = std::min(kPiece, count - done);
    const auto piece = piece_of(dtype, bytes, done, now);
    if (!is_finite(dtype, piece, now)) return false;
    step(piece, done, now);
  }
  return true;
}

void round_to_bf16(const float* in, BFloat16* out, std::uint64_t count) {
  run_widest([=]() __attribute__((always_inline)) {
    for (std::uint64_t i = 0; i < count; ++i) out[i].bits = to_bf16(in[i]);
  });
}

}  // namespace

bool decode_finite(DType dtype, std::span<const std::byte> bytes, float* out, std::uint64_t count) {
  return for_finite_pieces(dtype, bytes, count,
                           [&](auto piece, auto first, auto now) { decode(dtype, piece, out + first, now); });
}

bool decode_finite(DType dtype, std::span<const std::byte> bytes, double* out, std::uint64_t count) {
  return for_finite_pieces(dtype, bytes, count,
                           [&](auto piece, auto first, auto now) { decode(dtype, piece, out + first, now); });
}

bool decode_finite(DType dtype, std::span<const std::byte> bytes, BFloat16* out, std::uint64_t count) {
  std::array<float, kPiece> values;
  return for_finite_pieces(dtype, bytes, count, [&](auto piece, auto first, auto now) {
    if (dtype == DType::kBF16) {
      std::memcpy(out + first, piece.data(), piece.size());
    } else {
      decode(dtype, piece, values.data(), now);
      round_to_bf16(values.data(), out + first, now);
    }
  });
}

void decode(DType dtype, std::span<const std::byte> bytes, float* out, std::uint64_t count) {
  check_sizes(dtype, bytes, count);
  if (count == 0) return;
  if (!convert_wide(dtype, bytes.data(), out, count)) convert_narrow(dtype, bytes.data(), out, count);
}

void decode(DType dtype, std::span<const std::byte> bytes, double* out, std::uint64_t count) {
  check_sizes(dtype, bytes, count);
  if (count == 0 || convert_wide(dtype, bytes.data(), out, count)) return;
  // Every other type is exact in float; a piece at a time stays in the cache.
  std::array<float, kPiece> piece;
  for (std::uint64_t done = 0; done < count; done += kPiece) {
    const std::uint64_t now = std::min(kPiece, count - done);
    convert_narrow(dtype, piece_of(dtype, bytes, done, now).data(), piece.data(), now);
    std::copy_n(piece.data(), now, out + done);
  }
}

}  // namespace deltascape::io
