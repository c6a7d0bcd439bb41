// Owns the frame of a GGUF file: header, metadata keys, tensor descriptions, and where the data lie.
#include "io/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>

#include "deltascape/error.h"
#include "io/byte_reader.h"
#include "io/checked.h"
#include "io/file.h"
#include "io/gguf_split.h"
#include "io/gguf_values.h"
#include "io/mapped_tensors.h"
#include "io/stand_in.h"

namespace deltascape::io {
namespace {

constexpr std::uint64_t kMaxKey = 65535;     // ggml docs/gguf.md
constexpr std::uint64_t kMaxName = 256;      // GGML_MAX_NAME is 64
constexpr std::uint32_t kMaxDimensions = 4;  // GGML_MAX_DIMS
constexpr std::uint64_t kLeastKeyBytes = 8 + 4 + 1, kLeastTensorBytes = 8 + 4 + 4 + 8;
// Of a header: the vocabularies in use take 60 MiB, the largest mixtures of experts have some ten thousand tensors.
constexpr std::uint64_t kMaxMetadata = std::uint64_t{256} << 20, kMaxTensors = 1'000'000;
constexpr std::uint64_t kKeyMemory = 128;
constexpr std::size_t kUsualHeader = std::size_t{64} << 10;  // of an adapter: no vocabulary in it

struct GgmlType {
  std::string_view name;
  std::optional<DType> dtype;  // empty: known, not supported
};

// By ggml_type number (ggml.h); a hole in the numbers has an empty name.
constexpr std::array<GgmlType, 40> kGgmlTypes = {{
    {"F32", DType::kF32},
    {"F16", DType::kF16},
    {"Q4_0", DType::kQ4_0},
    {"Q4_1", DType::kQ4_1},
    {"", {}},
    {"", {}},
    {"Q5_0", DType::kQ5_0},
    {"Q5_1", DType::kQ5_1},
    {"Q8_0", DType::kQ8_0},
    {"Q8_1", {}},
    {"Q2_K", DType::kQ2_K},
    {"Q3_K", DType::kQ3_K},
    {"Q4_K", DType::kQ4_K},
    {"Q5_K", DType::kQ5_K},
    {"Q6_K", DType::kQ6_K},
    {"Q8_K", {}},
    {"IQ2_XXS", {}},
    {"IQ2_XS", {}},
    {"IQ3_XXS", {}},
    {"IQ1_S", {}},
    {"IQ4_NL", DType::kIQ4_NL},
    {"IQ3_S", {}},
    {"IQ2_S", {}},
    {"IQ4_XS", {}},
    {"I8", DType::kI8},
    {"I16", DType::kI16},
    {"I32", DType::kI32},
    {"I64", DType::kI64},
    {"F64", DType::kF64},
    {"IQ1_M", {}},
    {"BF16", DType::kBF16},
    {"", {}},
    {"", {}},
    {"", {}},
    {"TQ1_0", {}},
    {"TQ2_0", {}},
    {"", {}},
    {"", {}},
    {"", {}},
    {"MXFP4", {}},
}};

// A tensor as the file describes it; `offset` counts from the start of the data.
struct Described {
  TensorInfo tensor;
  std::uint64_t offset = 0, bytes = 0;
};

class Gguf final : public GgufFile {
 public:
  explicit Gguf(std::shared_ptr<const MappedFile> map) : map_(std::move(map)) {
    ask_for(map_->bytes().first(std::min(map_->bytes().size(), kUsualHeader)));
    refuse_stand_in(map_->bytes(), path());
    ByteReader reader(map_->bytes(), path());
    check_magic(reader);
    const auto tensors = reader.number<std::uint64_t>("the header");
    const auto keys = reader.number<std::uint64_t>("the header");
    read_metadata(reader, keys);
    if (tensors > reader.left() / kLeastTensorBytes)
      fail("", "more tensors than the file can hold", "", std::to_string(tensors));
    if (tensors > kMaxTensors)
      fail("", "more tensors than are read", std::to_string(kMaxTensors), std::to_string(tensors));
    std::vector<Described> described;
    described.reserve(tensors);
    for (std::uint64_t i = 0; i < tensors; ++i) described.push_back(read_tensor(reader));
    place(std::move(described), reader.position());
  }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const override { return metadata_; }
  const std::vector<TensorInfo>& tensors() const override { return index_.tensors(); }
  const TensorInfo* find(std::string_view name) const override { return index_.find(name); }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override { return index_.bytes(tensor, path()); }
  const std::filesystem::path& path() const override { return map_->path(); }
  std::vector<const MappedFile*> maps() const override { return {map_.get()}; }

 private:
  [[noreturn]] void fail(const std::string& field, const std::string& message, const std::string& expected = {},
                         const std::string& found = {}, ErrorCode code = ErrorCode::kBadFile) const {
    throw Error(code, message, {.path = path().string(), .field = field, .expected = expected, .found = found});
  }

  void check_magic(ByteReader& reader) const {
    const auto magic = reader.text(4, "the magic number");
    if (magic != "GGUF") fail("", "not a GGUF file: the magic number is wrong", "GGUF", std::string(magic));
    const auto version = reader.number<std::uint32_t>("the version");
    if ((version & 0xFFFF) == 0 && version != 0)
      fail("", "this is a big-endian GGUF file; convert it to little-endian (gguf-convert-endian)", "", "",
           ErrorCode::kUnsupported);
    if (version != 2 && version != 3)
      fail("", "unsupported GGUF version", "2 or 3", std::to_string(version), ErrorCode::kUnsupported);
  }

  void read_metadata(ByteReader& reader, std::uint64_t count) {
    std::uint64_t memory = kMaxMetadata;
    if (count > reader.left() / kLeastKeyBytes)
      fail("", "more metadata keys than the file can hold", "", std::to_string(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto length = reader.number<std::uint64_t>("a metadata key");
      if (length == 0 || length > kMaxKey)
        fail("", "a metadata key of an impossible length", "1 to 65535 bytes", std::to_string(length));
      const std::string key(reader.text(length, "a metadata key"));
      if (key.size() + kKeyMemory > memory)
        fail(key, "this file's metadata would take far more memory than any model's");
      memory -= key.size() + kKeyMemory;
      if (!metadata_.emplace(key, read_gguf_value(reader, path(), key, memory)).second)
        fail(key, "this metadata key appears twice");
    }
  }

  Described read_tensor(ByteReader& reader) const {
    Described out;
    TensorInfo& tensor = out.tensor;
    const auto length = reader.number<std::uint64_t>("a tensor's name");
    const auto name = reader.text(length, "a tensor's name");
    if (length > kMaxName)
      fail("", "a tensor's name of an impossible length", std::to_string(kMaxName), std::to_string(length));
    tensor.name = name;
    const auto dimensions = reader.number<std::uint32_t>("a tensor's dimensions");
    if (dimensions > kMaxDimensions) fail(tensor.name, "too many dimensions", "at most 4", std::to_string(dimensions));
    for (std::uint32_t i = 0; i < dimensions; ++i)
      tensor.shape.push_back(reader.number<std::int64_t>("a tensor's shape"));
    std::reverse(tensor.shape.begin(), tensor.shape.end());
    tensor.dtype = read_type(reader, tensor.name);
    out.offset = reader.number<std::uint64_t>("a tensor's offset");
    const auto elements = element_count(tensor.shape);
    if (!elements) fail(tensor.name, "an impossible shape", "", shape_text(tensor.shape));
    tensor.elements = *elements;
    const std::uint32_t block = info(tensor.dtype).block;
    if (block > 1 && (tensor.shape.empty() || tensor.shape.back() % block != 0))
      fail(tensor.name, "a row does not consist of whole " + std::string(info(tensor.dtype).name) + " blocks",
           "a multiple of " + std::to_string(block), shape_text(tensor.shape));
    if (!byte_count(tensor.dtype, tensor.elements, out.bytes))
      fail(tensor.name, "the shape overflows", "", shape_text(tensor.shape));
    return out;
  }

  DType read_type(ByteReader& reader, const std::string& tensor) const {
    const auto number = reader.number<std::uint32_t>("a tensor's type");
    const bool known = number < kGgmlTypes.size() && !kGgmlTypes[number].name.empty();
    if (!known) fail(tensor, "unknown ggml type", "", std::to_string(number), ErrorCode::kUnsupported);
    const GgmlType& type = kGgmlTypes[number];
    if (!type.dtype)
      fail(tensor, "quantisation " + std::string(type.name) + " is not supported", "", "", ErrorCode::kUnsupported);
    return *type.dtype;
  }

  std::uint64_t alignment() const {
    const std::int64_t value = integer("general.alignment").value_or(32);
    if (value < 1 || value > (1 << 20) || !std::has_single_bit(static_cast<std::uint64_t>(value)))
      fail("general.alignment", "an impossible alignment", "a power of two up to 2^20", std::to_string(value));
    return static_cast<std::uint64_t>(value);
  }

  // Checks where the tensors lie against the file and each other, then indexes them in file order.
  void place(std::vector<Described> described, std::uint64_t header_end) {
    const std::uint64_t step = alignment();
    const std::uint64_t start = (header_end + step - 1) / step * step;
    const auto data = start <= map_->bytes().size() ? map_->bytes().subspan(start) : std::span<const std::byte>{};
    std::stable_sort(described.begin(), described.end(), [](const Described& a, const Described& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
    });
    std::uint64_t end_of_last = 0;
    for (Described& one : described) {
      const std::string name = one.tensor.name;
      if (one.offset % step != 0)
        fail(name, "the tensor's offset is not aligned", "a multiple of " + std::to_string(step),
             std::to_string(one.offset));
      if (one.offset > data.size() || one.bytes > data.size() - one.offset)
        fail(name, "the file is truncated inside this tensor, or its offset is wrong",
             std::to_string(one.bytes) + " bytes at " + std::to_string(one.offset), std::to_string(data.size()));
      if (one.offset < end_of_last) fail(name, "its data overlaps another tensor's");
      end_of_last = one.offset + one.bytes;
      if (!index_.add(std::move(one.tensor), data.subspan(one.offset, one.bytes)))
        fail(name, "this tensor's name appears twice");
    }
  }

  std::shared_ptr<const MappedFile> map_;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  TensorIndex index_;
};

}  // namespace

bool is_gguf(const std::filesystem::path& path) {
  if (!io::is_regular_file(std::filesystem::path(path))) return false;
  if (ends_in_gguf(path.filename().string())) return true;
  std::array<char, 4> magic{};
  return std::ifstream(path, std::ios::binary).read(magic.data(), magic.size()) &&
         std::string_view(magic.data(), 4) == "GGUF";
}

std::unique_ptr<GgufFile> GgufFile::open(const std::filesystem::path& file) {
  auto one = std::make_unique<Gguf>(MappedFile::open(file));
  if (one->integer("split.count").value_or(1) <= 1) return one;
  return open_split_gguf(std::move(one), [](const std::filesystem::path& part) -> std::unique_ptr<GgufFile> {
    return std::make_unique<Gguf>(MappedFile::open(part));
  });
}

std::uint32_t ggml_type(DType dtype) {
  for (std::size_t number = 0; number < kGgmlTypes.size(); ++number)
    if (kGgmlTypes[number].dtype == dtype) return static_cast<std::uint32_t>(number);
  throw Error(ErrorCode::kInternal, "ggml has no such type", {.found = std::string(info(dtype).name)});
}

}  // namespace deltascape::io
