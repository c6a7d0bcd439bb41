// Owns the common view of a file of named tensors: names, types, shapes and bytes, nothing computed.
// safetensors, GGUF and torch pickles all open as a TensorFile; no LibTorch here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::io {

class MappedFile;

enum class DType : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3,
  kF8E5M2,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  // GGUF blocks (ggml's names)
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
};

// The upper half of a float.
struct BFloat16 {
  std::uint16_t bits;
};

struct DTypeInfo {
  std::string_view name;      // "F32", "BF16", "Q4_K"
  std::uint32_t block;        // elements a block (1 for plain types)
  std::uint32_t block_bytes;  // bytes a block
};
const DTypeInfo& info(DType dtype);
bool is_quantised(DType dtype);

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // outermost first (GGUF's ne reversed)
  std::uint64_t elements = 0;       // product of shape
};

// "[3, 64]", for messages.
std::string shape_text(const std::vector<std::int64_t>& shape);

// A read-only, memory-mapped (or owned) file. Views live as long as the TensorFile. Thread-safe after opening.
class TensorFile {
 public:
  virtual ~TensorFile() = default;
  virtual const std::vector<TensorInfo>& tensors() const = 0;  // in file order
  virtual const TensorInfo* find(std::string_view name) const = 0;
  // The raw bytes, row-major, little-endian; a pickle's strided tensor is made contiguous when it is opened.
  virtual std::span<const std::byte> bytes(const TensorInfo& tensor) const = 0;
  virtual const std::filesystem::path& path() const = 0;  // for messages
  // The maps the bytes lie in, for residency.h; bytes outside of them are owned by this object.
  virtual std::vector<const MappedFile*> maps() const { return {}; }
};

// Every opener validates the whole header against the file's size before it allocates, and throws Error.
std::unique_ptr<TensorFile> open_safetensors(const std::filesystem::path& file);
// `index` is model.safetensors.index.json or pytorch_model.bin.index.json; shards lie beside it and must hold what the
// weight_map says.
std::unique_ptr<TensorFile> open_sharded(const std::filesystem::path& index);
// torch.save zip archives (adapter_model.bin, pytorch_model.bin): a restricted unpickler, tensors only.
std::unique_ptr<TensorFile> open_torch_pickle(const std::filesystem::path& file);

// Decodes `count` elements from `bytes` (starting at a block border) to float or double. Integer and bool types
// convert; bit-equal to the gguf Python package for GGUF types. Throws when sizes do not match.
void decode(DType dtype, std::span<const std::byte> bytes, float* out, std::uint64_t count);
void decode(DType dtype, std::span<const std::byte> bytes, double* out, std::uint64_t count);
// Decodes and looks for NaN and Inf in the same pass over pieces that stay in the cache, by the rules of check_finite;
// false, with `out` in part written, when there is one. To BFloat16: unchanged from bfloat16, every other type goes
// through float and is rounded to nearest, ties to even.
bool decode_finite(DType dtype, std::span<const std::byte> bytes, float* out, std::uint64_t count);
bool decode_finite(DType dtype, std::span<const std::byte> bytes, double* out, std::uint64_t count);
bool decode_finite(DType dtype, std::span<const std::byte> bytes, BFloat16* out, std::uint64_t count);
bool is_finite(DType dtype, std::span<const std::byte> bytes, std::uint64_t count);
// Throws Error(kNumeric) naming file and tensor when a floating tensor holds NaN or Inf.
void check_finite(const TensorFile& file, const TensorInfo& tensor);

}  // namespace deltascape::io
