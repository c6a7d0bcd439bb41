// Owns the tests of decoding and looking for NaN and Inf in one pass: the values of decode(), and no special number
// missed wherever it is.
#include <bit>
#include <cstring>
#include <limits>

#include "io/float_bits.h"
#include "io/io_files.h"
#include "io/tensor_file.h"

namespace deltascape::io {
namespace {

struct Case {
  DType dtype;
  std::vector<std::uint64_t> scales;  // where in a block NaN or Inf may be
  std::string bad;
};

std::vector<Case> cases() {
  const std::string half = packed(std::uint16_t{0x7E00}), half_inf = packed(std::uint16_t{0xFC00});
  return {
      {DType::kF64, {0}, packed(std::numeric_limits<double>::quiet_NaN())},
      {DType::kF32, {0}, packed(-std::numeric_limits<float>::infinity())},
      {DType::kF16, {0}, half_inf},
      {DType::kBF16, {0}, packed(std::uint16_t{0x7F81})},
      {DType::kF8E4M3, {0}, "\x7F"},
      {DType::kF8E5M2, {0}, "\x7C"},
      {DType::kQ4_0, {0}, half},
      {DType::kQ4_1, {0, 2}, half},
      {DType::kQ5_0, {0}, half},
      {DType::kQ5_1, {0, 2}, half_inf},
      {DType::kQ8_0, {0}, half},
      {DType::kQ2_K, {80, 82}, half},
      {DType::kQ3_K, {108}, half},
      {DType::kQ4_K, {0, 2}, half_inf},
      {DType::kQ5_K, {0, 2}, half},
      {DType::kQ6_K, {208}, half},
      {DType::kIQ4_NL, {0}, half},
  };
}

constexpr std::uint64_t kBlocks = 77;  // more than a piece of every quantised type, and no whole number of pieces

std::uint64_t elements(DType dtype) { return is_quantised(dtype) ? kBlocks * info(dtype).block : 5003; }

// Finite numbers of every type, no two alike for long; one byte off an aligned address.
std::vector<std::byte> finite_bytes(DType dtype) {
  std::vector<std::byte> out(1 + elements(dtype) / info(dtype).block * info(dtype).block_bytes);
  std::uint32_t state = 1;
  for (std::byte& b : out) b = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24 & 0xBB);  // no 0x7C
  return out;
}

template <class T>
bool decodes(DType dtype, const std::vector<std::byte>& bytes) {
  std::vector<T> out(elements(dtype));
  return decode_finite(dtype, std::span(bytes).subspan(1), out.data(), out.size());
}

TEST(DecodeFinite, FindsOneWhereverItIs) {
  for (const Case& one : cases()) {
    const DTypeInfo& type = info(one.dtype);
    const auto clean = finite_bytes(one.dtype);
    EXPECT_TRUE(decodes<float>(one.dtype, clean)) << type.name;
    EXPECT_TRUE(decodes<double>(one.dtype, clean)) << type.name;
    EXPECT_TRUE(decodes<BFloat16>(one.dtype, clean)) << type.name;
    const std::uint64_t blocks = elements(one.dtype) / type.block;
    for (const std::uint64_t block : {std::uint64_t{0}, blocks / 2, blocks - 1})
      for (const std::uint64_t scale : one.scales) {
        auto bytes = clean;
        std::memcpy(bytes.data() + 1 + block * type.block_bytes + scale, one.bad.data(), one.bad.size());
        EXPECT_FALSE(decodes<float>(one.dtype, bytes)) << type.name << " block " << block << " + " << scale;
        EXPECT_FALSE(decodes<double>(one.dtype, bytes)) << type.name << " block " << block << " + " << scale;
        EXPECT_FALSE(decodes<BFloat16>(one.dtype, bytes)) << type.name << " block " << block << " + " << scale;
      }
  }
}

TEST(DecodeFinite, GivesTheValuesOfDecode) {
  auto all = cases();
  for (const DType whole : {DType::kI64, DType::kI32, DType::kI16, DType::kI8, DType::kU8, DType::kBool})
    all.push_back({whole, {}, {}});
  for (const Case& one : all) {
    const auto bytes = finite_bytes(one.dtype);
    const auto data = std::span(bytes).subspan(1);
    const std::uint64_t count = elements(one.dtype);
    std::vector<float> wanted(count), got(count);
    decode(one.dtype, data, wanted.data(), count);
    EXPECT_TRUE(decode_finite(one.dtype, data, got.data(), count));
    EXPECT_EQ(std::memcmp(got.data(), wanted.data(), count * sizeof(float)), 0) << info(one.dtype).name;
    std::vector<double> wide(count), got_wide(count);
    decode(one.dtype, data, wide.data(), count);
    EXPECT_TRUE(decode_finite(one.dtype, data, got_wide.data(), count));
    EXPECT_EQ(std::memcmp(got_wide.data(), wide.data(), count * sizeof(double)), 0) << info(one.dtype).name;
    std::vector<BFloat16> rounded(count);
    EXPECT_TRUE(decode_finite(one.dtype, data, rounded.data(), count));
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_EQ(rounded[i].bits, to_bf16(wanted[i])) << info(one.dtype).name;
  }
}

TEST(DecodeFinite, RoundsToNearestTiesToEven) {
  const auto bits = [](std::uint32_t b) { return std::bit_cast<float>(b); };
  EXPECT_EQ(to_bf16(1.0f), 0x3F80);
  EXPECT_EQ(to_bf16(bits(0x3F808000)), 0x3F80);  // a tie, to the even one below
  EXPECT_EQ(to_bf16(bits(0x3F818000)), 0x3F82);  // a tie, to the even one above
  EXPECT_EQ(to_bf16(bits(0x3F808001)), 0x3F81);
  EXPECT_EQ(to_bf16(bits(0x3F807FFF)), 0x3F80);
  EXPECT_EQ(to_bf16(bits(0xBF818000)), 0xBF82);
  EXPECT_EQ(to_bf16(bits(0x00008001)), 0x0001);  // subnormals too
  EXPECT_EQ(to_bf16(-0.0f), 0x8000);
}

TEST(DecodeFinite, RefusesSizesThatDoNotMatch) {
  std::vector<std::byte> bytes(36);
  std::vector<float> out(64);
  EXPECT_THROW(decode_finite(DType::kQ4_0, bytes, out.data(), 33), Error);
  EXPECT_THROW(decode_finite(DType::kF32, bytes, out.data(), 8), Error);
}

}  // namespace
}  // namespace deltascape::io
