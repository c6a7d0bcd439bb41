// Owns the tests of finding NaN and Inf in every type, wherever they are.
#include <cstring>

#include "io/io_files.h"
#include "io/tensor_file.h"

namespace deltascape::io {
namespace {

// One tensor of given bytes.
class OneTensor : public TensorFile {
 public:
  OneTensor(DType dtype, std::uint64_t elements)
      : tensors_{{"w", dtype, {static_cast<std::int64_t>(elements)}, elements}} {
    bytes_.resize(elements / info(dtype).block * info(dtype).block_bytes + 1);
  }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  const TensorInfo* find(std::string_view) const override { return tensors_.data(); }
  // Off by one, since safetensors promises no alignment.
  std::span<const std::byte> bytes(const TensorInfo&) const override { return std::span(bytes_).subspan(1); }
  const std::filesystem::path& path() const override { return path_; }
  void set(std::uint64_t at, const std::string& value) {
    std::memcpy(bytes_.data() + 1 + at, value.data(), value.size());
  }

 private:
  std::vector<TensorInfo> tensors_;
  std::vector<std::byte> bytes_;
  std::filesystem::path path_ = "one.safetensors";
};

struct Special {
  DType dtype;
  std::string finite, bad;
  const char* name;
};

TEST(CheckFinite, FindsTheElement) {
  const std::vector<Special> cases = {
      {DType::kF64, packed(1.7e308), packed(std::uint64_t{0x7FF0000000000000}), "Inf"},
      {DType::kF64, packed(-1.7e308), packed(std::uint64_t{0xFFF0000000000001}), "NaN"},
      {DType::kF32, packed(3.4e38f), packed(std::uint32_t{0xFF800000}), "Inf"},
      {DType::kF32, packed(-3.4e38f), packed(std::uint32_t{0x7FC00000}), "NaN"},
      {DType::kF16, packed(std::uint16_t{0x7BFF}), packed(std::uint16_t{0x7C00}), "Inf"},
      {DType::kF16, packed(std::uint16_t{0xFBFF}), packed(std::uint16_t{0xFE00}), "NaN"},
      {DType::kBF16, packed(std::uint16_t{0x7F7F}), packed(std::uint16_t{0xFF80}), "Inf"},
      {DType::kBF16, packed(std::uint16_t{0xFF7F}), packed(std::uint16_t{0x7F81}), "NaN"},
      {DType::kF8E4M3, "\x7E", "\xFF", "NaN"},
      {DType::kF8E5M2, "\x7B", "\x7C", "Inf"},
      {DType::kF8E5M2, "\xFB", "\x7D", "NaN"},
  };
  for (const Special& one : cases)
    for (const std::uint64_t at : {0, 1, 4095, 4096, 9999}) {
      OneTensor file(one.dtype, 10000);
      for (std::uint64_t i = 0; i < 10000; ++i) file.set(i * one.finite.size(), one.finite);
      EXPECT_NO_THROW(check_finite(file, file.tensors()[0]));
      file.set(at * one.bad.size(), one.bad);
      expect_refusal(
          [&] { check_finite(file, file.tensors()[0]); }, file.path(),
          "w: element " + std::to_string(at) + " is no finite number (expected finite weights, found " + one.name);
    }
}

TEST(CheckFinite, LooksAtTheScalesOfBlocks) {
  struct Scale {
    DType dtype;
    std::uint64_t offset;
  };
  for (const auto [dtype, offset] :
       {Scale{DType::kQ4_0, 0}, Scale{DType::kQ4_1, 0}, Scale{DType::kQ4_1, 2}, Scale{DType::kQ5_0, 0},
        Scale{DType::kQ5_1, 2}, Scale{DType::kQ8_0, 0}, Scale{DType::kQ2_K, 80}, Scale{DType::kQ2_K, 82},
        Scale{DType::kQ3_K, 108}, Scale{DType::kQ4_K, 0}, Scale{DType::kQ4_K, 2}, Scale{DType::kQ5_K, 2},
        Scale{DType::kQ6_K, 208}, Scale{DType::kIQ4_NL, 0}}) {
    const DTypeInfo& type = info(dtype);
    OneTensor file(dtype, type.block * std::uint64_t{5000});
    for (std::uint64_t i = 0; i < 5000 * std::uint64_t{type.block_bytes}; ++i) file.set(i, "\x33");
    EXPECT_NO_THROW(check_finite(file, file.tensors()[0])) << type.name;
    file.set(4321 * std::uint64_t{type.block_bytes} + offset, packed(std::uint16_t{0x7C00}));
    expect_refusal([&] { check_finite(file, file.tensors()[0]); }, file.path(), "the scale of block 4321");
  }
}

TEST(CheckFinite, IntegersAreAlwaysFinite) {
  OneTensor file(DType::kI32, 10);
  for (std::uint64_t i = 0; i < 40; ++i) file.set(i, "\xFF");
  EXPECT_NO_THROW(check_finite(file, file.tensors()[0]));
}

}  // namespace
}  // namespace deltascape::io
