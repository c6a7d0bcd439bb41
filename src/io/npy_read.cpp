// Owns reading the values of a .npy array: byte order, Fortran order, and every type that becomes one of ours.
#include <algorithm>
#include <cstring>

#include "deltascape/error.h"
#include "io/byte_reader.h"
#include "io/checked.h"
#include "io/float_bits.h"
#include "io/mapped_tensors.h"
#include "io/npy.h"
#include "io/npy_header.h"
#include "io/utf8.h"

namespace deltascape::io {
namespace {

struct Source {
  std::span<const std::byte> bytes;
  std::uint64_t count;
  std::size_t item;  // bytes an element
  bool swap;         // big-endian
  const std::filesystem::path& file;
  const std::string& name;

  [[noreturn]] void fail(const std::string& message, const std::string& expected = {}, const std::string& found = {},
                         ErrorCode code = ErrorCode::kBadFile) const {
    throw Error(code, message, {.path = file.string(), .field = name, .expected = expected, .found = found});
  }
  template <class T>
  T at(std::uint64_t i, std::size_t offset = 0) const {
    std::byte raw[sizeof(T)];
    std::copy_n(bytes.data() + i * item + offset, sizeof(T), raw);
    if (swap) std::reverse(raw, raw + sizeof(T));
    T value;
    std::memcpy(&value, raw, sizeof value);
    return value;
  }
};

template <class Out, class In>
std::vector<Out> numbers(const Source& in) {
  std::vector<Out> out(in.count);
  if constexpr (std::is_same_v<Out, In>) {
    if (!in.swap) {
      if (in.count > 0) std::memcpy(out.data(), in.bytes.data(), in.bytes.size());
      return out;
    }
  }
  for (std::uint64_t i = 0; i < in.count; ++i) {
    const In value = in.at<In>(i);
    if constexpr (std::is_same_v<In, std::uint64_t>)
      if (value > static_cast<std::uint64_t>(INT64_MAX)) in.fail("a number beyond 2^63-1", "", std::to_string(value));
    out[i] = static_cast<Out>(value);  // NOLINT(bugprone-signed-char-misuse): a signed char is an int8 here
  }
  return out;
}

std::vector<float> halves(const Source& in) {
  std::vector<float> out(in.count);
  for (std::uint64_t i = 0; i < in.count; ++i) out[i] = from_f16(in.at<std::uint16_t>(i));
  return out;
}

// <U: code points of 4 bytes, filled up with zeros.
std::vector<std::string> unicode_texts(const Source& in) {
  std::vector<std::string> out(in.count);
  for (std::uint64_t i = 0; i < in.count; ++i) {
    std::size_t end = in.item;
    while (end > 0 && in.at<std::uint32_t>(i, end - 4) == 0) end -= 4;
    out[i].reserve(end / 4);
    for (std::size_t k = 0; k < end; k += 4)
      if (const auto point = in.at<std::uint32_t>(i, k); !append_utf8(out[i], point))
        in.fail("a text with the impossible code point " + std::to_string(point));
  }
  return out;
}

// |S: bytes, taken to be UTF-8.
std::vector<std::string> byte_texts(const Source& in) {
  std::vector<std::string> out(in.count);
  for (std::uint64_t i = 0; i < in.count; ++i) {
    out[i].assign(reinterpret_cast<const char*>(in.bytes.data()) + i * in.item, in.item);
    out[i].resize(out[i].find_last_not_of('\0') + 1);
  }
  return out;
}

struct Type {
  char order = '|', kind = 0;
  std::uint64_t length = 0;  // bytes of a number, characters of a text
};

Type parse_type(const std::string& descr, const Source& in) {
  Type type;
  if (descr.find('O') != std::string::npos)
    in.fail("it is an array of Python objects, a pickle, which is refused", "", "", ErrorCode::kUnsupported);
  if (descr.size() < 3 || descr.size() > 12 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos)
    in.fail("unknown element type", "", descr);
  type.order = descr[0];
  type.kind = descr[1];
  for (const char digit : descr.substr(2)) {
    if (digit < '0' || digit > '9') in.fail("unsupported element type", "", descr, ErrorCode::kUnsupported);
    type.length = type.length * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return type;
}

decltype(NpyArray::values) read_values(const Type& type, const Source& in, const std::string& descr) {
  using I64 = std::int64_t;
  const std::string kind = type.kind + std::to_string(type.length);
  if (type.kind == 'U') return unicode_texts(in);
  if (type.kind == 'S') return byte_texts(in);
  if (kind == "f2") return halves(in);
  if (kind == "f4") return numbers<float, float>(in);
  if (kind == "f8") return numbers<double, double>(in);
  if (kind == "i1") return numbers<I64, std::int8_t>(in);
  if (kind == "i2") return numbers<I64, std::int16_t>(in);
  if (kind == "i4") return numbers<I64, std::int32_t>(in);
  if (kind == "i8") return numbers<I64, I64>(in);
  if (kind == "u1" || kind == "b1") return numbers<I64, std::uint8_t>(in);
  if (kind == "u2") return numbers<I64, std::uint16_t>(in);
  if (kind == "u4") return numbers<I64, std::uint32_t>(in);
  if (kind == "u8") return numbers<I64, std::uint64_t>(in);
  in.fail("unsupported element type", "f2 f4 f8, integers, bool, U or S", descr, ErrorCode::kUnsupported);
}

// Column-major to row-major: the last index runs fastest in the result, the first in the source.
template <class T>
std::vector<T> transposed(const std::vector<T>& from, const std::vector<std::int64_t>& shape) {
  std::vector<T> out(from.size());
  std::vector<std::int64_t> at(shape.size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) {  // at: the index of from[i]
    std::size_t to = 0;
    for (std::size_t k = 0; k < shape.size(); ++k)
      to = to * static_cast<std::size_t>(shape[k]) + static_cast<std::size_t>(at[k]);
    out[to] = from[i];
    for (std::size_t k = 0; k < shape.size() && ++at[k] == shape[k]; ++k) at[k] = 0;
  }
  return out;
}

// What the values take once read. Texts and small integers take more than in the file; no count that the file holds
// makes this overflow.
std::uint64_t memory_of(const Type& type, const Source& in) {
  const bool text = type.kind == 'U' || type.kind == 'S';
  const std::uint64_t each = text               ? sizeof(std::string) + in.item
                             : type.kind == 'f' ? std::max<std::uint64_t>(4, in.item)
                                                : 8;
  return in.count * each;
}

NpyHeader read_header(ByteReader& reader, const Source& in) {
  if (reader.left() < 10 || reader.text(6, "an array") != "\x93NUMPY") in.fail("this entry is not a numpy array");
  const auto major = reader.number<std::uint8_t>("an array's version");
  reader.number<std::uint8_t>("an array's version");
  if (major < 1 || major > 3) in.fail("unknown version of the npy format", "1 to 3", std::to_string(major));
  const std::uint64_t length = major == 1 ? reader.number<std::uint16_t>("an array's header")
                                          : reader.number<std::uint32_t>("an array's header");
  return parse_npy_header(reader.text(length, "an array's header"), in.file, in.name);
}

// The bytes that the values take, which is what the entry has left; sets count and item.
std::uint64_t take_size(const NpyHeader& header, const Type& type, const ByteReader& reader, Source& in) {
  const auto count = element_count(header.shape);
  std::uint64_t total = 0;
  in.item = static_cast<std::size_t>(type.kind == 'U' ? type.length * 4 : type.length);
  if (!count || !multiply(*count, in.item, total)) in.fail("the shape overflows", "", shape_text(header.shape));
  if (total != reader.left())
    in.fail("shape " + shape_text(header.shape) + " of " + header.descr + " does not fit the entry",
            std::to_string(total) + " bytes", std::to_string(reader.left()));
  in.count = *count;
  return total;
}

}  // namespace

NpyArray decode_npy(std::span<const std::byte> bytes, const std::filesystem::path& file, const std::string& name,
                    std::uint64_t most) {
  Source in{{}, 0, 0, false, file, name};
  ByteReader reader(bytes, file);
  const NpyHeader header = read_header(reader, in);
  const Type type = parse_type(header.descr, in);
  const std::uint64_t total = take_size(header, type, reader, in);
  // Texts of no bytes take none in the file, and memory all the same.
  if (in.item == 0 && in.count > bytes.size()) in.fail("too many empty texts", "", std::to_string(in.count));
  if (memory_of(type, in) > most)
    in.fail("the array would take far more memory than the file", std::to_string(most) + " bytes at most",
            shape_text(header.shape) + " of " + header.descr);
  in.swap = type.order == '>';
  in.bytes = reader.take(total, "an array's values");
  NpyArray out{header.shape, read_values(type, in, header.descr), type.kind == 'f' && type.length == 2};
  if (header.fortran_order && header.shape.size() > 1 && in.count > 0)
    std::visit([&](auto& values) { values = transposed(values, header.shape); }, out.values);
  return out;
}

std::optional<NpyFloats> floats_of_npy(std::span<const std::byte> bytes, const std::filesystem::path& file,
                                       const std::string& name) {
  Source in{{}, 0, 0, false, file, name};
  ByteReader reader(bytes, file);
  NpyHeader header = read_header(reader, in);
  const Type type = parse_type(header.descr, in);
  if (type.kind != 'f' || type.length != 4 || type.order == '>' || (header.fortran_order && header.shape.size() > 1))
    return std::nullopt;
  const std::uint64_t total = take_size(header, type, reader, in);
  return NpyFloats{std::move(header.shape), reader.take(total, "an array's values")};
}

}  // namespace deltascape::io
