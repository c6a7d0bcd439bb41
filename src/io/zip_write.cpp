// Owns writing zip archives of stored entries; every entry is zip64, so that its size does not matter.
#include <zlib.h>

#include "io/zip.h"

namespace deltascape::io {
namespace {

// Little-endian numbers one after the other.
template <class... Numbers>
std::string packed(Numbers... numbers) {
  std::string out;
  (out.append(reinterpret_cast<const char*>(&numbers), sizeof numbers), ...);
  return out;
}

using U16 = std::uint16_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

constexpr U16 kVersion = 45;  // zip64
constexpr U16 kUtf8Names = 1 << 11;
constexpr U16 kDate = (1 << 5) | 1;  // 1980-01-01: the same content gives the same file
constexpr U32 kIn64 = 0xFFFFFFFF;

// zlib takes a null pointer, as an empty span has, for "begin again".
U32 crc_after(U32 before, std::span<const std::byte> bytes) {
  if (bytes.empty()) return before;
  return static_cast<U32>(crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

void ZipWriter::put(const std::string& bytes) {
  out_->write(std::as_bytes(std::span(bytes)));
  position_ += bytes.size();
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> head, std::span<const std::byte> body) {
  const U32 crc = crc_after(crc_after(0, head), body);
  const U64 size = head.size() + body.size();
  written_.push_back({name, crc, size, position_});
  put(packed(U32{0x04034b50}, kVersion, kUtf8Names, U16{0}, U16{0}, kDate, crc, kIn64, kIn64,
             static_cast<U16>(name.size()), U16{20}));
  put(name);
  put(packed(U16{1}, U16{16}, size, size));
  out_->write(head);
  out_->write(body);
  position_ += size;
}

void ZipWriter::finish() {
  const U64 start = position_;
  for (const Written& one : written_) {
    put(packed(U32{0x02014b50}, kVersion, kVersion, kUtf8Names, U16{0}, U16{0}, kDate, one.crc, kIn64, kIn64,
               static_cast<U16>(one.name.size()), U16{28}, U16{0}, U16{0}, U16{0}, U32{0}, kIn64));
    put(one.name);
    put(packed(U16{1}, U16{24}, one.size, one.size, one.offset));
  }
  const U64 end = position_, count = written_.size();
  put(packed(U32{0x06064b50}, U64{44}, kVersion, kVersion, U32{0}, U32{0}, count, count, end - start, start));
  put(packed(U32{0x07064b50}, U32{0}, end, U32{1}));
  put(packed(U32{0x06054b50}, U16{0}, U16{0}, U16{0xFFFF}, U16{0xFFFF}, kIn64, kIn64, U16{0}));
}

}  // namespace deltascape::io
