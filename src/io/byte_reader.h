// Owns walking through bytes that may be hostile: every read is checked against what is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "deltascape/error.h"

namespace deltascape::io {

class ByteReader {
 public:
  // `file` must outlive the reader.
  ByteReader(std::span<const std::byte> bytes, const std::filesystem::path& file) : bytes_(bytes), file_(&file) {}

  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(std::uint64_t count, const char* what) {
    if (count > left())
      throw Error(ErrorCode::kBadFile, std::string("the file ends inside ") + what,
                  {.path = file_->string(),
                   .field = {},
                   .expected = std::to_string(count) + " bytes at " + std::to_string(position_),
                   .found = std::to_string(left())});
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  // A little-endian number; every machine we build for is one.
  template <class T>
  T number(const char* what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }
  std::string_view text(std::uint64_t length, const char* what) {
    const auto taken = take(length, what);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  // Up to a newline, which is taken and not returned.
  std::string_view line(const char* what) {
    const auto rest = bytes_.subspan(position_);
    const auto* end =
        rest.empty() ? nullptr : static_cast<const std::byte*>(std::memchr(rest.data(), '\n', rest.size()));
    if (!end) take(left() + 1, what);
    const auto found = text(static_cast<std::uint64_t>(end - rest.data()), what);
    position_ += 1;
    return found;
  }

 private:
  std::span<const std::byte> bytes_;
  const std::filesystem::path* file_;
  std::size_t position_ = 0;
};

}  // namespace deltascape::io
