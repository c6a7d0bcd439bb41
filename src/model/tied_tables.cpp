#include "model/tied_tables.h"

#include <algorithm>
#include <cstring>

#include "deltascape/error.h"
#include "io/residency.h"

namespace deltascape::model {
namespace {

constexpr std::uint64_t kElements = std::uint64_t{1} << 20;  // compared at a time

// The tensors that a part's names stand for in the file, in the order of the names.
std::vector<const io::TensorInfo*> all_under(const io::TensorFile& file, const ModelSpec& spec, Module module) {
  std::vector<const io::TensorInfo*> out;
  std::vector<std::string_view> prefixes(hf_prefixes().begin(), hf_prefixes().end());
  if (module == Module::kHead) prefixes.push_back("language_model.");  // multimodal models before transformers 4.52
  for (const std::string& bare : spec.hf_names({module}))
    for (const std::string_view prefix : prefixes)
      if (const io::TensorInfo* found = file.find(std::string(prefix) + bare + ".weight")) out.push_back(found);
  return out;
}

bool same_numbers(const io::TensorInfo& x, io::Bytes left, const io::TensorInfo& y, io::Bytes right,
                  std::uint64_t count) {
  if (x.dtype == y.dtype && std::memcmp(left.data(), right.data(), left.size()) == 0) return true;
  std::vector<double> a(count), b(count);
  io::decode_finite(x.dtype, left, a.data(), count);
  io::decode_finite(y.dtype, right, b.data(), count);
  return a == b;
}

}  // namespace

bool is_real(io::DType dtype) {
  using io::DType;
  return io::is_quantised(dtype) || dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

bool same_values(const io::TensorFile& file, const io::TensorInfo& x, const io::TensorInfo& y) {
  if (x.shape != y.shape || !is_real(x.dtype) || !is_real(y.dtype)) return false;
  const io::Bytes left = file.bytes(x), right = file.bytes(y);
  if (left.data() == right.data() && x.dtype == y.dtype) return true;  // two names of one storage, as in a pickle
  io::BoundedPass one(file), other(file);
  const auto part = [](io::DType type, io::Bytes bytes, std::uint64_t first, std::uint64_t count) {
    const io::DTypeInfo& t = io::info(type);
    return bytes.subspan(first / t.block * t.block_bytes, count / t.block * t.block_bytes);
  };
  for (std::uint64_t first = 0; first < x.elements; first += kElements) {
    const std::uint64_t count = std::min(kElements, x.elements - first);
    const io::Bytes mine = part(x.dtype, left, first, count), theirs = part(y.dtype, right, first, count);
    bool same = true;
    one.read_scattered(std::span(&mine, 1), [&](io::Bytes a) {
      other.read_scattered(std::span(&theirs, 1), [&](io::Bytes b) { same = same_numbers(x, a, y, b, count); });
    });
    if (!same) return false;
  }
  return true;
}

TiedTables find_tied_tables(const io::TensorFile& file, const ModelSpec& spec) {
  const auto tables = all_under(file, spec, Module::kEmbed), heads = all_under(file, spec, Module::kHead);
  if (tables.empty()) return {.embedding = heads.empty() ? nullptr : heads.front()};
  for (std::size_t i = 1; spec.encodes_first() && i < tables.size(); ++i)
    if (!same_values(file, *tables[0], *tables[i]))
      throw Error(ErrorCode::kUnsupported,
                  "an encoder and a decoder with token embeddings of their own are not supported",
                  {.path = file.path().string(),
                   .field = tables[i]->name,
                   .expected = "the same numbers as in " + tables[0]->name});
  return {.embedding = tables.front(), .head = heads.empty() ? nullptr : heads.front()};
}

}  // namespace deltascape::model
