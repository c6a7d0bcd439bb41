// Owns the tests of writing safetensors: our reader and the safetensors package read the same back.
#include "io/safetensors_write.h"

#include <array>
#include <cmath>

#include "io/io_files.h"
#include "io/written_tensors.h"
#include "oracle.h"

namespace deltascape::io {
namespace {

class SafetensorsWrite : public Scratch {};

// Kept in step with check_safetensors.py.
const std::array<std::uint8_t, 3> kOdd = {1, 0, 255};
const std::array<float, 6> kFloats = {0, -1.5f, 1e-40f, 3.25f, 65504, -0.f};
const std::array<std::uint16_t, 2> kHalves = {0x3f80, 0xc000};  // bf16: 1, -2
const std::array<std::int64_t, 1> kWhole = {INT64_MIN};
const std::array<double, 1> kScalar = {0.1};

template <class T>
std::span<const std::byte> bytes_of(const T& values) {
  return std::as_bytes(std::span(values));
}

std::vector<TensorToWrite> sample() {
  return {{"odd \"name\"/grüße", DType::kU8, {3}, bytes_of(kOdd)}, {"halves", DType::kBF16, {2, 1}, bytes_of(kHalves)},
          {"floats", DType::kF32, {2, 3}, bytes_of(kFloats)},      {"whole", DType::kI64, {1}, bytes_of(kWhole)},
          {"scalar", DType::kF64, {}, bytes_of(kScalar)},          {"empty", DType::kF32, {0, 4}, {}}};
}

TEST_F(SafetensorsWrite, OurReaderReadsItBack) {
  const auto file = folder_ / "a.safetensors";
  write_safetensors(file, sample());
  // Aligned, so that a map of the file can be used in place.
  testing::expect_written(*open_safetensors(file), sample(),
                          [](const TensorToWrite& t) -> std::uintptr_t { return info(t.dtype).block_bytes; });
}

TEST_F(SafetensorsWrite, ThePackageReadsTheSame) {
  const std::string oracle = testing::oracle_command("io/check_safetensors.py");
  if (oracle.empty()) GTEST_SKIP() << testing::kNoOracle;
  const auto file = folder_ / "a.safetensors";
  write_safetensors(file, sample());
  EXPECT_EQ(std::system((oracle + " " + file.string()).c_str()), 0);
}

TEST_F(SafetensorsWrite, AFileWithoutTensorsIsAFile) {
  write_safetensors(folder_ / "a.safetensors", {}, {});
  EXPECT_TRUE(open_safetensors(folder_ / "a.safetensors")->tensors().empty());
}

TEST_F(SafetensorsWrite, RefusesWhatTheFormatCannotHoldAndLeavesNothing) {
  const auto file = folder_ / "a.safetensors";
  const auto refuses = [&](std::vector<TensorToWrite> tensors) {
    EXPECT_THROW(write_safetensors(file, tensors), Error);
  };
  refuses({{"short", DType::kF32, {7}, bytes_of(kFloats)}});
  refuses({{"blocks", DType::kQ4_0, {32}, bytes_of(kFloats)}});
  refuses({{"__metadata__", DType::kF32, {6}, bytes_of(kFloats)}});
  refuses({{"twice", DType::kF32, {6}, bytes_of(kFloats)}, {"twice", DType::kF32, {6}, bytes_of(kFloats)}});
  refuses({{"no UTF-8: \xFF", DType::kF32, {6}, bytes_of(kFloats)}});
  refuses({{"negative", DType::kF32, {-2, -3}, bytes_of(kFloats)}});
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SafetensorsWrite, ReplacesWhatWasThereAtOnce) {
  const auto file = put("a.safetensors", "something else");
  write_safetensors(file, {{"floats", DType::kF32, {6}, bytes_of(kFloats)}});
  EXPECT_EQ(open_safetensors(file)->tensors().size(), 1u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

}  // namespace
}  // namespace deltascape::io
