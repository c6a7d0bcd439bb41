// Owns the bytes of a safetensors file: 8 bytes of header length, a JSON header, the tensors end to end.
#include "io/safetensors_write.h"

#include <algorithm>
#include <set>

#include "deltascape/error.h"
#include "io/checked.h"
#include "io/file.h"
#include "io/json.h"
#include "io/mapped_tensors.h"

namespace deltascape::io {
namespace {

constexpr std::size_t kAlignment = 8;  // of the data's start

void check(const std::filesystem::path& file, const TensorToWrite& tensor, std::set<std::string>& names) {
  const auto refuse = [&](const std::string& message, const std::string& expected, const std::string& found) {
    throw Error(ErrorCode::kInternal, message,
                {.path = file.string(), .field = tensor.name, .expected = expected, .found = found});
  };
  if (tensor.name == "__metadata__" || !names.insert(tensor.name).second)
    refuse("this name cannot be written", "each tensor's own", "one that is taken");
  if (is_quantised(tensor.dtype))
    refuse("the format has no such type", "a plain type", std::string(info(tensor.dtype).name));
  std::uint64_t bytes = 0;
  if (!asked_bytes(tensor, bytes) || bytes != tensor.bytes.size())
    refuse("the bytes do not fit the shape " + shape_text(tensor.shape) + " of " + std::string(info(tensor.dtype).name),
           std::to_string(bytes), std::to_string(tensor.bytes.size()));
}

// Throws nlohmann's exception for a name that is no UTF-8.
std::string header_of(const std::vector<TensorToWrite>& tensors, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::uint64_t end = offset + tensor.bytes.size();
    header[tensor.name] = {
        {"dtype", info(tensor.dtype).name}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

}  // namespace

bool asked_bytes(const TensorToWrite& tensor, std::uint64_t& out) {
  out = 0;
  const auto elements = element_count(tensor.shape);
  return elements && byte_count(tensor.dtype, *elements, out);
}

void write_safetensors(const std::filesystem::path& file, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::set<std::string> names;
  for (const TensorToWrite& tensor : tensors) check(file, tensor, names);
  std::stable_sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) {
    return info(a.dtype).block_bytes > info(b.dtype).block_bytes;
  });
  std::string header;
  try {
    header = header_of(tensors, metadata);
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kInternal, "a tensor's name or the metadata is not UTF-8", {.path = file.string()});
  }
  const std::uint64_t length = header.size();
  AtomicFile out(file);
  out.write(std::as_bytes(std::span(&length, 1)));
  out.write(std::as_bytes(std::span(header)));
  for (const TensorToWrite& tensor : tensors) out.write(tensor.bytes);
  out.commit();
}

}  // namespace deltascape::io
