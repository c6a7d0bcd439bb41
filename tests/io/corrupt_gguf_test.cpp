// Owns the broken GGUF files: each is refused with one clear line.
#include "io/gguf.h"
#include "io/io_files.h"

namespace deltascape::io {
namespace {

class CorruptGguf : public Scratch {};

using U8 = std::uint8_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;
using I64 = std::int64_t;

std::string text(const std::string& s) { return packed(static_cast<U64>(s.size())) + s; }
std::string head(U64 tensors, U64 keys, U32 version = 3) { return "GGUF" + packed(version, tensors, keys); }
std::string key(const std::string& name, U32 type, const std::string& value) {
  return text(name) + packed(type) + value;
}
template <class... Sizes>
std::string tensor(const std::string& name, U32 type, U64 offset, Sizes... sizes) {
  return text(name) + packed(static_cast<U32>(sizeof...(sizes)), static_cast<I64>(sizes)..., type, offset);
}
// Padded to 32 as the data want it, then `bytes` of data.
std::string with_data(std::string header, std::size_t bytes) {
  header.resize((header.size() + 31) / 32 * 32);
  return header + std::string(bytes, '\0');
}

constexpr U32 kF32 = 0, kQ4_0 = 2, kUint32 = 4, kBool = 7, kString = 8, kArray = 9, kUint64 = 10;

struct Case {
  std::string content, words;
};

std::vector<Case> cases() {
  const U64 huge = ~U64{0};
  return {
      {"", "ends inside the magic number"},
      {"GGML" + std::string(100, '\0'), "not a GGUF file"},
      {"GGUF", "ends inside the version"},
      {head(0, 0, 1), "unsupported GGUF version"},
      {head(0, 0, 4), "unsupported GGUF version"},
      {head(0, 0, 0), "unsupported GGUF version"},
      {head(0, 0, 0x03000000), "big-endian"},
      {head(huge, 0), "more tensors than the file can hold"},
      {head(0, huge), "more metadata keys than the file can hold"},
      {head(0, 3), "more metadata keys"},
      {head(0, 1) + text("") + std::string(32, '\0'), "impossible length"},
      {head(0, 1) + packed(U64{65536}) + std::string(70000, 'k'), "impossible length"},
      {head(0, 1) + packed(huge) + std::string(32, '\0'), "impossible length"},
      {head(0, 1) + text("k") + packed(U32{13}) + std::string(16, '\0'), "unknown type of metadata value"},
      {head(0, 1) + key("k", kString, packed(huge)), "ends inside a metadata string"},
      {head(0, 1) + key("k", kString, packed(U64{1} << 40) + "x"), "ends inside a metadata string"},
      {head(0, 1) + key("k", kBool, packed(U8{2}) + "    "), "neither 0 nor 1"},
      {head(0, 1) + key("k", kUint64, packed(huge)), "the number is too large"},
      {head(0, 1) + key("k", kUint32, "ab"), "ends inside a number"},
      {head(0, 1) + key("k", kArray, packed(kUint32, huge)), "longer than the file"},
      {head(0, 1) + key("k", kArray, packed(kString, U64{1} << 61)), "longer than the file"},
      {head(0, 1) + key("k", kArray, packed(kBool, U64{1} << 40)), "longer than the file"},
      {head(0, 1) + key("k", kArray, packed(kString, U64{2}) + text("a") + packed(huge)),
       "ends inside a metadata string"},
      {head(0, 1) + key("k", kArray, packed(kArray, U64{1}, kArray, U64{1})), "array of arrays"},
      {head(0, 1) + key("k", kArray, packed(U32{99}, U64{0})), "unknown type of array elements"},
      {head(0, 2) + key("k", kUint32, packed(U32{1})) + key("k", kUint32, packed(U32{1})),
       "metadata key appears twice"},
      {head(1, 1) + key("general.alignment", kUint32, packed(U32{0})) + with_data(tensor("w", kF32, 0, 1), 4),
       "impossible alignment"},
      {head(0, 1) + key("general.alignment", kUint32, packed(U32{48})), "impossible alignment"},
      {head(0, 1) + key("general.alignment", kUint32, packed(U32{1} << 31)), "impossible alignment"},
      {head(0, 1) + key("general.alignment", kString, text("32")), "expected an integer, found a string"},
      {head(1, 0) + packed(huge) + std::string(32, '\0'), "ends inside a tensor's name"},
      {head(1, 0) + text("w") + packed(U32{5}) + std::string(99, '\0'), "too many dimensions"},
      {head(1, 0) + text("w") + packed(~U32{0}) + std::string(99, '\0'), "too many dimensions"},
      {with_data(head(1, 0) + tensor("w", kF32, 0, -1), 64), "impossible shape"},
      {with_data(head(1, 0) + tensor("w", kF32, 0, I64{1} << 40, I64{1} << 40), 64), "impossible shape"},
      {with_data(head(1, 0) + tensor("w", kF32, 0, I64{1} << 62), 64), "overflows"},
      {with_data(head(1, 0) + tensor("w", kF32, 0, I64{1} << 40), 64), "truncated inside this tensor"},
      {with_data(head(1, 0) + tensor("w", kF32, 0, 17), 64), "truncated inside this tensor"},
      {with_data(head(1, 0) + tensor("w", kF32, huge - 31, 1), 64), "truncated inside this tensor"},
      {with_data(head(1, 0) + tensor("w", kF32, 4, 1), 64), "not aligned"},
      {with_data(head(1, 0) + tensor("w", kQ4_0, 0, 33), 64), "whole Q4_0 blocks"},
      {with_data(head(1, 0) + tensor("w", kQ4_0, 0, 16, 2), 64), "whole Q4_0 blocks"},
      {with_data(head(1, 0) + tensor("w", 4, 0, 32), 64), "unknown ggml type"},
      {with_data(head(1, 0) + tensor("w", 4000, 0, 32), 64), "unknown ggml type"},
      {with_data(head(1, 0) + tensor("w", 16, 0, 256), 64), "quantisation IQ2_XXS is not supported"},
      {with_data(head(2, 0) + tensor("a", kF32, 0, 9) + tensor("b", kF32, 32, 1), 64), "overlaps"},
      {with_data(head(2, 0) + tensor("a", kF32, 0, 1) + tensor("a", kF32, 32, 1), 64), "name appears twice"},
      {head(1, 0) + tensor("w", kF32, 0, 1), "truncated inside this tensor"},
  };
}

TEST_F(CorruptGguf, IsRefused) {
  for (const Case& one : cases()) {
    const auto file = put("bad.gguf", one.content);
    expect_refusal([&] { GgufFile::open(file); }, file, one.words);
  }
}

TEST_F(CorruptGguf, EveryPrefixAndFlippedByteIsHarmless) {
  const std::string good =
      with_data(head(2, 3) + key("k", kArray, packed(kString, U64{2}) + text("a") + text("b")) +
                    key("general.alignment", kUint32, packed(U32{32})) + key("n", kUint64, packed(U64{7})) +
                    tensor("a", kF32, 0, 2, 3) + tensor("b", kQ4_0, 32, 32),
                64);
  EXPECT_NO_THROW(GgufFile::open(put("good.gguf", good)));
  for (std::size_t i = 0; i + 14 < good.size(); ++i)  // the padding behind the last tensor may be missing
    EXPECT_THROW(GgufFile::open(put("cut.gguf", good.substr(0, i))), Error) << i;
  for (std::size_t i = 0; i < good.size(); ++i)
    for (const int bit : {0, 4, 7}) {
      std::string flipped = good;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      try {
        GgufFile::open(put("flipped.gguf", flipped));
      } catch (const Error&) {
      }
    }
}

}  // namespace
}  // namespace deltascape::io
