// Owns zip archives as numpy and torch write them (PKWARE APPNOTE 6.3): stored and deflated entries, zip64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"

namespace deltascape::io {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;           // once unpacked
  std::span<const std::byte> data;  // as it lies in the file
};

// Reads the central directory and checks every entry's place, and that unpacking them all is no bomb. The bytes must
// outlive the reader.
class ZipReader {
 public:
  ZipReader(std::span<const std::byte> file, std::filesystem::path path);
  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(std::string_view name) const;
  // Inflates or copies, checking size and CRC-32. Grows with what really comes out, never by what the file claims.
  std::vector<std::byte> unpack(const ZipEntry& entry) const;
  // The bytes of a stored entry where they lie, its CRC-32 checked; of a deflated one unpacked into `owned`.
  std::span<const std::byte> bytes(const ZipEntry& entry, std::vector<std::byte>& owned) const;

 private:
  void check(const ZipEntry& entry, std::span<const std::byte> content) const;

  std::vector<ZipEntry> entries_;
  std::filesystem::path path_;
};

// Writes stored entries one after the other.
class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& out) : out_(&out) {}
  // The entry's content is `head` followed by `body`.
  void add(const std::string& name, std::span<const std::byte> head, std::span<const std::byte> body);
  void finish();

 private:
  struct Written {
    std::string name;
    std::uint32_t crc;
    std::uint64_t size, offset;
  };
  void put(const std::string& bytes);

  AtomicFile* out_;
  std::vector<Written> written_;
  std::uint64_t position_ = 0;
};

}  // namespace deltascape::io
