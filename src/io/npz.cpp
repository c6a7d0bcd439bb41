// Owns .npz archives: arrays by name, and their values as they are written.
#include "io/npz.h"

#include <algorithm>
#include <cstring>

#include "deltascape/error.h"
#include "io/checked.h"
#include "io/file.h"
#include "io/float_bits.h"
#include "io/mapped_tensors.h"
#include "io/npy.h"
#include "io/npy_header.h"
#include "io/stand_in.h"
#include "io/utf8.h"
#include "io/zip.h"

namespace deltascape::io {
namespace {

constexpr std::uint64_t kMaxGrowth = 4, kMemorySlack = std::uint64_t{256} << 20;

template <class T>
EncodedNpy plain(const std::vector<T>& values, const std::vector<std::int64_t>& shape, const char* descr) {
  return {format_npy_header(descr, shape), {}, std::as_bytes(std::span(values))};
}

EncodedNpy with_owned(std::string header, std::vector<std::byte> owned) {
  EncodedNpy out{std::move(header), std::move(owned), {}};
  out.body = out.owned;  // a moved vector keeps its buffer
  return out;
}

EncodedNpy halves(const std::vector<float>& values, const std::vector<std::int64_t>& shape) {
  std::vector<std::byte> owned(values.size() * 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = to_f16(values[i]);
    std::memcpy(owned.data() + 2 * i, &bits, sizeof bits);
  }
  return with_owned(format_npy_header("<f2", shape), std::move(owned));
}

EncodedNpy texts(const std::vector<std::string>& values, const std::vector<std::int64_t>& shape) {
  std::vector<std::vector<std::uint32_t>> points(values.size());
  std::size_t width = 1;  // numpy writes <U1 for empty texts
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::string_view rest = values[i]; !rest.empty();) points[i].push_back(take_utf8(rest));
    width = std::max(width, points[i].size());
  }
  std::vector<std::byte> owned(values.size() * width * 4);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!points[i].empty()) std::memcpy(owned.data() + i * width * 4, points[i].data(), points[i].size() * 4);
  return with_owned(format_npy_header("<U" + std::to_string(width), shape), std::move(owned));
}

// What arrays may take in memory, as they come out of the archive and as values. Of a file with holes, what it takes on
// its disk counts.
std::uint64_t memory_for(const std::filesystem::path& file, std::uint64_t size) {
  return bytes_on_disk(file, size) * kMaxGrowth + kMemorySlack;
}

void refuse_more(std::uint64_t bytes, std::uint64_t left, const std::filesystem::path& file, const std::string& name) {
  if (bytes > left)
    throw Error(ErrorCode::kBadFile, "the array would take far more memory than the file",
                {.path = file.string(), .field = name, .found = std::to_string(bytes) + " bytes"});
}

}  // namespace

EncodedNpy encode_npy(const NpyArray& array, const std::filesystem::path& file, const std::string& name) {
  const auto count = element_count(array.shape);
  const std::size_t have = std::visit([](const auto& values) { return values.size(); }, array.values);
  if (!count || *count != have)
    throw Error(ErrorCode::kInternal, "an array whose values do not fit its shape",
                {.path = file.string(),
                 .field = name,
                 .expected = shape_text(array.shape),
                 .found = std::to_string(have) + " values"});
  if (const auto* values = std::get_if<std::vector<float>>(&array.values))
    return array.half ? halves(*values, array.shape) : plain(*values, array.shape, "<f4");
  if (const auto* values = std::get_if<std::vector<double>>(&array.values)) return plain(*values, array.shape, "<f8");
  if (const auto* values = std::get_if<std::vector<std::int64_t>>(&array.values))
    return plain(*values, array.shape, "<i8");
  return texts(std::get<std::vector<std::string>>(array.values), array.shape);
}

void write_npz(const std::filesystem::path& file, const std::map<std::string, NpyArray>& arrays) {
  AtomicFile out(file);
  ZipWriter zip(out);
  for (const auto& [name, array] : arrays) {
    const EncodedNpy encoded = encode_npy(array, file, name);
    zip.add(name + ".npy", std::as_bytes(std::span(encoded.header)), encoded.body);
  }
  zip.finish();
  out.commit();
}

std::map<std::string, NpyArray> read_npz(const std::filesystem::path& file, std::string_view except) {
  const auto map = MappedFile::open(file);
  refuse_stand_in(map->bytes(), file);
  const ZipReader zip(map->bytes(), file);
  std::map<std::string, NpyArray> out;
  std::uint64_t left = memory_for(file, map->bytes().size());
  for (const ZipEntry& entry : zip.entries()) {
    if (!entry.name.ends_with(".npy"))
      throw Error(ErrorCode::kBadFile, "an entry that is not an array; is this an .npz file?",
                  {.path = file.string(), .field = entry.name, .expected = {}, .found = {}});
    const std::string name = entry.name.substr(0, entry.name.size() - 4);
    if (name == except) continue;
    refuse_more(entry.size, left, file, name);
    left -= entry.size;
    std::vector<std::byte> owned;
    const NpyArray& array = out.emplace(name, decode_npy(zip.bytes(entry, owned), file, name, left)).first->second;
    left -=
        std::min(left, std::visit([](const auto& v) { return std::uint64_t{v.size() * sizeof(v[0])}; }, array.values));
  }
  return out;
}

std::optional<MappedFloats> map_floats(const std::filesystem::path& file, const std::string& name) {
  const auto map = MappedFile::open(file);
  refuse_stand_in(map->bytes(), file);
  const ZipReader zip(map->bytes(), file);
  const ZipEntry* entry = zip.find(name + ".npy");
  if (!entry || entry->deflated) return std::nullopt;
  refuse_more(entry->size, memory_for(file, map->bytes().size()), file, name);
  std::vector<std::byte> none;
  std::optional<NpyFloats> floats = floats_of_npy(zip.bytes(*entry, none), file, name);
  if (!floats) return std::nullopt;
  return MappedFloats{map, std::move(floats->shape), floats->values};
}

}  // namespace deltascape::io
