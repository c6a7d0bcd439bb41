#include "io/gguf_write.h"

#include <set>

#include "deltascape/error.h"
#include "io/file.h"
#include "io/gguf.h"

namespace deltascape::io {
namespace {

constexpr std::size_t kAlignment = 32;
// The numbers of metadata types, in the variant's order: string, float32, uint32.
constexpr std::uint32_t kValueTypes[] = {8, 6, 4};

std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

class Header {
 public:
  template <class T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    number<std::uint64_t>(value.size());
    bytes_ += value;
  }
  void value(const GgufValueToWrite& value) {
    number(kValueTypes[value.index()]);
    if (const auto* s = std::get_if<std::string>(&value)) text(*s);
    else if (const auto* f = std::get_if<float>(&value)) number(*f);
    else number(std::get<std::uint32_t>(value));
  }
  void raw(std::string_view bytes) { bytes_ += bytes; }
  std::string padded() && {
    bytes_.resize(aligned(bytes_.size()), '\0');
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

void check(const std::filesystem::path& file, const TensorToWrite& tensor, std::set<std::string>& names) {
  std::uint64_t bytes = 0;
  const bool fits = asked_bytes(tensor, bytes) && bytes == tensor.bytes.size();
  if (!fits || !names.insert(tensor.name).second)
    throw Error(ErrorCode::kInternal, fits ? "this name is taken" : "the bytes do not fit the shape",
                {.path = file.string(),
                 .field = tensor.name,
                 .expected = shape_text(tensor.shape),
                 .found = std::to_string(tensor.bytes.size()) + " bytes"});
}

}  // namespace

void write_gguf(const std::filesystem::path& file, const GgufMetadata& metadata,
                const std::vector<TensorToWrite>& tensors) {
  Header header;
  header.raw("GGUF");
  header.number<std::uint32_t>(3);
  header.number<std::uint64_t>(tensors.size());
  header.number<std::uint64_t>(metadata.size());
  for (const auto& [key, value] : metadata) {
    header.text(key);
    header.value(value);
  }
  std::set<std::string> names;
  std::uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    check(file, tensor, names);
    header.text(tensor.name);
    header.number(static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent) header.number(*extent);
    header.number(ggml_type(tensor.dtype));
    header.number(offset);
    offset += aligned(tensor.bytes.size());
  }
  const std::string start = std::move(header).padded();
  AtomicFile out(file);
  out.write(std::as_bytes(std::span(start)));
  for (const TensorToWrite& tensor : tensors) {
    out.write(tensor.bytes);
    const std::vector<std::byte> padding(aligned(tensor.bytes.size()) - tensor.bytes.size());
    out.write(padding);
  }
  out.commit();
}

}  // namespace deltascape::io
