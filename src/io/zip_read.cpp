// Owns reading zip archives that may be hostile.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "deltascape/error.h"
#include "io/byte_reader.h"
#include "io/zip.h"

namespace deltascape::io {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                        kLocator64 = 0x07064b50;
constexpr std::size_t kEndBytes = 22, kLocatorBytes = 20, kCentralBytes = 46, kLocalBytes = 30;
constexpr std::size_t kUsualDirectory = std::size_t{64} << 10;
constexpr std::uint64_t kMaxInflation = 16, kInflationSlack = std::uint64_t{16} << 20;
constexpr std::uint64_t kMaxEntries = 1'000'000;  // a checkpoint has one a tensor
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // the real number is in the zip64 extra field

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& entry, const std::string& message,
                       const std::string& expected = {}, const std::string& found = {}) {
  throw Error(ErrorCode::kBadFile, message,
              {.path = file.string(), .field = entry, .expected = expected, .found = found});
}

template <class T>
T number_at(std::span<const std::byte> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Directory {
  std::uint64_t entries = 0, size = 0, offset = 0;
};

// The end record lies in the last 64 KiB; a comment may follow it.
std::size_t find_end(std::span<const std::byte> all, const std::filesystem::path& file) {
  if (all.size() < kEndBytes) fail(file, "", "not a zip archive, or it is truncated");
  ask_for(all.last(std::min(all.size(), kUsualDirectory)));
  const std::size_t stop = all.size() - kEndBytes - std::min<std::size_t>(all.size() - kEndBytes, 65535);
  for (std::size_t at = all.size() - kEndBytes + 1; at-- > stop;)
    if (number_at<std::uint32_t>(all, at) == kEnd &&
        number_at<std::uint16_t>(all, at + 20) == all.size() - at - kEndBytes)
      return at;
  fail(file, "", "the zip archive has no directory at its end: it is truncated");
}

Directory find_directory(std::span<const std::byte> all, const std::filesystem::path& file) {
  const std::size_t end = find_end(all, file);
  Directory found{number_at<std::uint16_t>(all, end + 10), number_at<std::uint32_t>(all, end + 12),
                  number_at<std::uint32_t>(all, end + 16)};
  if (number_at<std::uint16_t>(all, end + 4) != 0) fail(file, "", "a zip archive of several disks is not supported");
  if (end >= kLocatorBytes && number_at<std::uint32_t>(all, end - kLocatorBytes) == kLocator64) {
    const auto record = number_at<std::uint64_t>(all, end - kLocatorBytes + 8);
    if (record > all.size() || all.size() - record < 56 || number_at<std::uint32_t>(all, record) != kEnd64)
      fail(file, "", "the zip64 record is not where the archive says");
    found = {number_at<std::uint64_t>(all, record + 32), number_at<std::uint64_t>(all, record + 40),
             number_at<std::uint64_t>(all, record + 48)};
  }
  if (found.offset > end || found.size > end - found.offset) fail(file, "", "the zip directory lies outside the file");
  if (found.entries > found.size / kCentralBytes)
    fail(file, "", "the zip directory counts more entries than it can hold", "", std::to_string(found.entries));
  return found;
}

// Replaces the numbers that stand as 0xFFFFFFFF by those of the zip64 extra field.
void read_zip64(std::span<const std::byte> extra, const std::filesystem::path& file, std::uint64_t& size,
                std::uint64_t& packed, std::uint64_t& offset) {
  ByteReader reader(extra, file);
  while (reader.left() >= 4) {
    const auto id = reader.number<std::uint16_t>("a zip extra field");
    const auto length = reader.number<std::uint16_t>("a zip extra field");
    ByteReader field(reader.take(length, "a zip extra field"), file);
    if (id != 1) continue;
    for (std::uint64_t* value : {&size, &packed, &offset})
      if (*value == kIn64) *value = field.number<std::uint64_t>("a zip64 field");
  }
}

struct Located {
  ZipEntry entry;
  std::uint64_t offset = 0, packed = 0;
};

Located read_central(ByteReader& reader, const std::filesystem::path& file) {
  const auto record = reader.take(kCentralBytes, "the zip directory");
  if (number_at<std::uint32_t>(record, 0) != kCentral) fail(file, "", "the zip directory is damaged");
  Located out;
  out.entry.crc = number_at<std::uint32_t>(record, 16);
  out.packed = number_at<std::uint32_t>(record, 20);
  out.entry.size = number_at<std::uint32_t>(record, 24);
  out.offset = number_at<std::uint32_t>(record, 42);
  out.entry.name = reader.text(number_at<std::uint16_t>(record, 28), "an entry's name");
  const auto extra = reader.take(number_at<std::uint16_t>(record, 30), "an entry's extra field");
  reader.take(number_at<std::uint16_t>(record, 32), "an entry's comment");
  read_zip64(extra, file, out.entry.size, out.packed, out.offset);
  if (number_at<std::uint16_t>(record, 8) & kEncrypted)
    fail(file, out.entry.name, "an encrypted zip entry is not supported");
  const auto method = number_at<std::uint16_t>(record, 10);
  if (method != 0 && method != 8)
    fail(file, out.entry.name, "unsupported zip compression", "stored (0) or deflated (8)", std::to_string(method));
  out.entry.deflated = method == 8;
  if (!out.entry.deflated && out.packed != out.entry.size)
    fail(file, out.entry.name, "a stored zip entry with two sizes", std::to_string(out.packed),
         std::to_string(out.entry.size));
  // Deflate makes at most 1032 bytes of one.
  if (out.entry.deflated && out.entry.size / 1032 > out.packed + 1)
    fail(file, out.entry.name, "a zip entry claims an impossible size", "", std::to_string(out.entry.size));
  return out;
}

// Finds the entry's data behind its local header, which must end before `limit`.
void locate(Located& one, std::span<const std::byte> all, std::uint64_t limit, const std::filesystem::path& file) {
  if (one.offset > limit || limit - one.offset < kLocalBytes || number_at<std::uint32_t>(all, one.offset) != kLocal)
    fail(file, one.entry.name, "the zip entry is not where the directory says");
  const std::uint64_t start = one.offset + kLocalBytes + number_at<std::uint16_t>(all, one.offset + 26) +
                              number_at<std::uint16_t>(all, one.offset + 28);
  if (start > limit || one.packed > limit - start)
    fail(file, one.entry.name, "the zip entry overlaps what follows it, or leaves the file",
         std::to_string(one.packed) + " bytes");
  one.entry.data = all.subspan(start, one.packed);
}

}  // namespace

ZipReader::ZipReader(std::span<const std::byte> file, std::filesystem::path path) : path_(std::move(path)) {
  const Directory directory = find_directory(file, path_);
  ByteReader reader(file.subspan(directory.offset, directory.size), path_);
  if (directory.entries > kMaxEntries)
    fail(path_, "", "more zip entries than are read", std::to_string(kMaxEntries), std::to_string(directory.entries));
  // Holes in a file are no content: what lies in them compresses to nothing, and costs memory all the same.
  const std::uint64_t most = bytes_on_disk(path_, file.size()) * kMaxInflation + kInflationSlack;
  std::vector<Located> located;
  located.reserve(directory.entries);
  std::unordered_set<std::string_view> names;
  std::uint64_t inflated = 0;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    located.push_back(read_central(reader, path_));
    if (!names.insert(located.back().entry.name).second)
      fail(path_, located.back().entry.name, "this zip entry appears twice");
    if (!located.back().entry.deflated) continue;
    inflated += located.back().entry.size;  // at most 1032 times what the file holds: it cannot overflow
    if (inflated > most)
      fail(path_, located.back().entry.name, "the compressed entries would take far more memory than the file");
  }
  std::sort(located.begin(), located.end(), [](const Located& a, const Located& b) { return a.offset < b.offset; });
  for (const Located& one : located)
    if (one.offset < file.size())
      ask_for(file.subspan(one.offset, std::min<std::size_t>(kLocalBytes, file.size() - one.offset)));
  for (std::size_t i = 0; i < located.size(); ++i) {
    const std::uint64_t next = i + 1 < located.size() ? located[i + 1].offset : directory.offset;
    locate(located[i], file, std::min(next, directory.offset), path_);
  }
  for (Located& one : located) entries_.push_back(std::move(one.entry));
}

const ZipEntry* ZipReader::find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const ZipEntry& e) { return e.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<std::byte> ZipReader::unpack(const ZipEntry& entry) const {
  ask_for(entry.data);
  std::vector<std::byte> out;
  if (entry.deflated) {
    constexpr std::size_t kStep = std::size_t{1} << 20;
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Error(ErrorCode::kInternal, "zlib does not start");
    const struct Ender {
      z_stream* stream;
      ~Ender() { inflateEnd(stream); }
    } ender{&stream};
    std::size_t fed = 0, have = 0;
    int state = Z_OK;
    while (state == Z_OK) {
      if (stream.avail_in == 0) {
        const std::size_t now = std::min(entry.data.size() - fed, kStep);
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(entry.data.data() + fed));
        stream.avail_in = static_cast<uInt>(now);
        fed += now;
      }
      // One byte more than promised tells an entry that is too long.
      out.resize(std::min<std::uint64_t>(have + kStep, entry.size + 1));
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
      stream.avail_out = static_cast<uInt>(out.size() - have);
      state = inflate(&stream, Z_NO_FLUSH);
      have = out.size() - stream.avail_out;
      if (have > entry.size) break;
    }
    if (state != Z_STREAM_END || have != entry.size) fail(path_, entry.name, "the compressed zip entry is damaged");
    out.resize(have);
  } else {
    out.assign(entry.data.begin(), entry.data.end());
  }
  check(entry, out);
  return out;
}

std::span<const std::byte> ZipReader::bytes(const ZipEntry& entry, std::vector<std::byte>& owned) const {
  if (entry.deflated) return owned = unpack(entry);
  ask_for(entry.data);
  check(entry, entry.data);
  return entry.data;
}

void ZipReader::check(const ZipEntry& entry, std::span<const std::byte> content) const {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION  // a fuzzer's changes to an entry must reach what reads it
  return;
#endif
  if (crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()) != entry.crc)
    fail(path_, entry.name, "the zip entry's checksum does not match its content: the file is damaged");
}

}  // namespace deltascape::io
