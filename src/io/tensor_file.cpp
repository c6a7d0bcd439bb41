// Owns the table of element types and the index of a file's tensors by name.
#include "io/tensor_file.h"

#include <algorithm>
#include <array>
#include <functional>

#include "deltascape/error.h"
#include "io/checked.h"
#include "io/mapped_tensors.h"

namespace deltascape::io {
namespace {

// In the order of DType.
constexpr std::array<DTypeInfo, 26> kTypes = {{
    {"F64", 1, 8},      {"F32", 1, 4},      {"F16", 1, 2},      {"BF16", 1, 2},     {"F8_E4M3", 1, 1},
    {"F8_E5M2", 1, 1},  {"I64", 1, 8},      {"I32", 1, 4},      {"I16", 1, 2},      {"I8", 1, 1},
    {"U64", 1, 8},      {"U32", 1, 4},      {"U16", 1, 2},      {"U8", 1, 1},       {"BOOL", 1, 1},
    {"Q4_0", 32, 18},   {"Q4_1", 32, 20},   {"Q5_0", 32, 22},   {"Q5_1", 32, 24},   {"Q8_0", 32, 34},
    {"Q2_K", 256, 84},  {"Q3_K", 256, 110}, {"Q4_K", 256, 144}, {"Q5_K", 256, 176}, {"Q6_K", 256, 210},
    {"IQ4_NL", 32, 18},
}};
static_assert(kTypes.size() == static_cast<std::size_t>(DType::kIQ4_NL) + 1);

}  // namespace

const DTypeInfo& info(DType dtype) { return kTypes[static_cast<std::size_t>(dtype)]; }

bool is_quantised(DType dtype) { return info(dtype).block > 1; }

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size() && i < 9; ++i) {
    if (i > 0) out += ", ";
    out += i == 8 ? "..." : std::to_string(shape[i]);
  }
  return out + "]";
}

bool byte_count(DType dtype, std::uint64_t elements, std::uint64_t& out) {
  const DTypeInfo& type = info(dtype);
  return elements % type.block == 0 && multiply(elements / type.block, type.block_bytes, out);
}

bool TensorIndex::add(TensorInfo tensor, std::span<const std::byte> bytes) {
  if (tensors_.size() * 2 >= slots_.size()) grow();
  std::uint32_t& slot = slots_[slot_of(tensor.name)];
  if (slot != 0) return false;
  tensors_.push_back(std::move(tensor));
  bytes_.push_back(bytes);
  slot = static_cast<std::uint32_t>(tensors_.size());
  return true;
}

// The slot that holds the name, or the free one where it belongs.
std::size_t TensorIndex::slot_of(std::string_view name) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = std::hash<std::string_view>{}(name)&mask;
  while (slots_[at] != 0 && tensors_[slots_[at] - 1].name != name) at = (at + 1) & mask;
  return at;
}

void TensorIndex::grow() {
  slots_.assign(std::max<std::size_t>(16, slots_.size() * 2), 0);
  for (std::size_t i = 0; i < tensors_.size(); ++i)
    slots_[slot_of(tensors_[i].name)] = static_cast<std::uint32_t>(i + 1);
}

const TensorInfo* TensorIndex::find(std::string_view name) const {
  if (slots_.empty()) return nullptr;
  const std::uint32_t slot = slots_[slot_of(name)];
  return slot == 0 ? nullptr : &tensors_[slot - 1];
}

std::span<const std::byte> TensorIndex::bytes(const TensorInfo& tensor, const std::filesystem::path& file) const {
  // The usual caller passes one of ours; a copy of it is found by name.
  if (!tensors_.empty() && &tensor >= tensors_.data() && &tensor < tensors_.data() + tensors_.size())
    return bytes_[static_cast<std::size_t>(&tensor - tensors_.data())];
  const TensorInfo* own = find(tensor.name);
  if (own == nullptr)
    throw Error(ErrorCode::kNotFound, "this file holds no such tensor",
                {.path = file.string(), .field = tensor.name, .expected = {}, .found = {}});
  return bytes_[static_cast<std::size_t>(own - tensors_.data())];
}

}  // namespace deltascape::io
