// Owns GGUF metadata: reading typed values from the file's bytes, and typed look-ups by key.
#include "io/gguf_values.h"

#include <limits>

#include "deltascape/error.h"

namespace deltascape::io {
namespace {

// ggml docs/gguf.md, gguf_metadata_value_type
enum Type : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

struct Reader {
  ByteReader& bytes;
  const std::filesystem::path& file;
  const std::string& key;
  std::uint64_t& memory;

  [[noreturn]] void fail(const std::string& message, const std::string& expected = {},
                         const std::string& found = {}) const {
    throw Error(ErrorCode::kBadFile, message,
                {.path = file.string(), .field = key, .expected = expected, .found = found});
  }
  void charge(std::uint64_t count, std::uint64_t each) const {
    if (count > memory / each)
      fail("this file's metadata would take far more memory than any model's", std::to_string(memory) + " bytes left",
           std::to_string(count) + " times " + std::to_string(each));
    memory -= count * each;
  }
  std::string string() const {
    const auto length = bytes.number<std::uint64_t>("a string's length");
    const auto text = bytes.text(length, "a metadata string");  // a view: nothing of it is touched
    charge(text.size() + sizeof(std::string), 1);
    return std::string(text);
  }
  bool boolean() const {
    const auto value = bytes.number<std::uint8_t>("a boolean");
    if (value > 1) fail("a boolean that is neither 0 nor 1", "", std::to_string(value));
    return value == 1;
  }
  template <class T>
  std::int64_t integer() const {
    const T value = bytes.number<T>("a number");
    if constexpr (std::is_same_v<T, std::uint64_t>)
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        fail("the number is too large", "at most 2^63-1", std::to_string(value));
    return static_cast<std::int64_t>(value);
  }
  template <class T>
  double real() const {
    return static_cast<double>(bytes.number<T>("a number"));
  }

  // `least` is the fewest bytes an element takes: a count that cannot be in the file is refused before allocation.
  template <class T, class ReadOne>
  GgufValue array(std::uint64_t count, std::uint64_t least, ReadOne read_one) const {
    if (count > bytes.left() / least)
      fail("the array is longer than the file", std::to_string(count) + " elements",
           std::to_string(bytes.left()) + " bytes");
    charge(count, sizeof(T));
    std::vector<T> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) values.push_back(read_one());
    return {std::move(values)};
  }
  GgufValue array() const {
    const auto type = bytes.number<std::uint32_t>("an array's type");
    const auto n = bytes.number<std::uint64_t>("an array's length");
    using Int = std::int64_t;
    switch (type) {
      case kU8: return array<Int>(n, 1, [&] { return integer<std::uint8_t>(); });
      case kI8: return array<Int>(n, 1, [&] { return integer<std::int8_t>(); });
      case kU16: return array<Int>(n, 2, [&] { return integer<std::uint16_t>(); });
      case kI16: return array<Int>(n, 2, [&] { return integer<std::int16_t>(); });
      case kU32: return array<Int>(n, 4, [&] { return integer<std::uint32_t>(); });
      case kI32: return array<Int>(n, 4, [&] { return integer<std::int32_t>(); });
      case kU64: return array<Int>(n, 8, [&] { return integer<std::uint64_t>(); });
      case kI64: return array<Int>(n, 8, [&] { return integer<std::int64_t>(); });
      case kF32: return array<double>(n, 4, [&] { return real<float>(); });
      case kF64: return array<double>(n, 8, [&] { return real<double>(); });
      case kBool: return array<bool>(n, 1, [&] { return boolean(); });
      case kString: return array<std::string>(n, 8, [&] { return string(); });
      case kArray: fail("an array of arrays is not supported");
      default: fail("unknown type of array elements", "0 to 12", std::to_string(type));
    }
  }
};

const char* kind_name(const GgufValue& value) {
  static constexpr const char* kNames[] = {"a boolean",
                                           "an integer",
                                           "a real number",
                                           "a string",
                                           "an array of booleans",
                                           "an array of integers",
                                           "an array of numbers",
                                           "an array of strings"};
  return kNames[value.value.index()];
}

template <class T>
const T* look_up(const GgufFile& file, std::string_view key, const char* expected) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return nullptr;
  if (const T* value = std::get_if<T>(&found->second.value)) return value;
  throw Error(ErrorCode::kBadFile, "this metadata key has a value of another type",
              {.path = file.path().string(),
               .field = std::string(key),
               .expected = expected,
               .found = kind_name(found->second)});
}

template <class T>
std::optional<T> copy_of(const T* value) {
  return value ? std::optional<T>(*value) : std::nullopt;
}

}  // namespace

GgufValue read_gguf_value(ByteReader& bytes, const std::filesystem::path& file, const std::string& key,
                          std::uint64_t& memory) {
  const Reader reader{bytes, file, key, memory};
  const auto type = bytes.number<std::uint32_t>("a metadata value's type");
  switch (type) {
    case kU8: return {reader.integer<std::uint8_t>()};
    case kI8: return {reader.integer<std::int8_t>()};
    case kU16: return {reader.integer<std::uint16_t>()};
    case kI16: return {reader.integer<std::int16_t>()};
    case kU32: return {reader.integer<std::uint32_t>()};
    case kI32: return {reader.integer<std::int32_t>()};
    case kU64: return {reader.integer<std::uint64_t>()};
    case kI64: return {reader.integer<std::int64_t>()};
    case kF32: return {reader.real<float>()};
    case kF64: return {reader.real<double>()};
    case kBool: return {reader.boolean()};
    case kString: return {reader.string()};
    case kArray: return reader.array();
    default: reader.fail("unknown type of metadata value", "0 to 12", std::to_string(type));
  }
}

std::optional<std::string> GgufFile::string(std::string_view key) const {
  return copy_of(look_up<std::string>(*this, key, "a string"));
}
std::optional<std::int64_t> GgufFile::integer(std::string_view key) const {
  return copy_of(look_up<std::int64_t>(*this, key, "an integer"));
}
std::optional<double> GgufFile::real(std::string_view key) const {
  const auto found = metadata().find(key);
  if (found != metadata().end())
    if (const auto* whole = std::get_if<std::int64_t>(&found->second.value)) return static_cast<double>(*whole);
  return copy_of(look_up<double>(*this, key, "a number"));
}
std::optional<bool> GgufFile::boolean(std::string_view key) const {
  return copy_of(look_up<bool>(*this, key, "a boolean"));
}
const std::vector<std::string>* GgufFile::strings(std::string_view key) const {
  return look_up<std::vector<std::string>>(*this, key, "an array of strings");
}
const std::vector<std::int64_t>* GgufFile::integers(std::string_view key) const {
  return look_up<std::vector<std::int64_t>>(*this, key, "an array of integers");
}
const std::vector<double>* GgufFile::reals(std::string_view key) const {
  return look_up<std::vector<double>>(*this, key, "an array of numbers");
}

}  // namespace deltascape::io
