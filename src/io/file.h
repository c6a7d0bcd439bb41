// Owns opening files that may be hostile: regular files only, symlink loops and FIFOs refused, read-only maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace deltascape::io {

// A whole file mapped read-only. Throws Error(kNotFound / kIo / kBadFile). What of it is in memory: residency.h.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }
  // Asks the kernel to forget the cached pages of this range of the file (whole pages; those nobody has mapped).
  // The descriptor is opened anew: thousands of maps hold none. Nothing happens when the path names another file by
  // now.
  void drop_cached(std::size_t offset, std::size_t length) const;

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes, std::uint64_t device, std::uint64_t inode);
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
  std::uint64_t device_, inode_;
};

// Asks the disk for these bytes of a map and no others, and returns at once. For what is read alone, such as a header:
// a touch would read megabytes around it.
void ask_for(std::span<const std::byte> mapped);

// A file being written beside its target; commit() puts it in the target's place, and without it nothing stays.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::span<const std::byte> bytes);
  void commit();  // syncs the content to the disk, then renames

 private:
  std::filesystem::path target_, temporary_;
  int descriptor_ = -1;
};

// std::filesystem's questions with an Error instead of its exceptions: what cannot be asked (no permission, a circle of
// links, a name too long) is an Error(kIo) that names the path.
bool exists(const std::filesystem::path& path);
bool is_directory(const std::filesystem::path& path);
bool is_regular_file(const std::filesystem::path& path);

// Reads a regular file whole; refuses more than max_bytes before it allocates, and a Git LFS pointer.
std::string read_text(const std::filesystem::path& file, std::size_t max_bytes);
// What the file takes on its disk: less than its size where it has holes (or the file system compresses it). A bound
// for memory that a file's claims may cost. Its size where nobody knows.
std::uint64_t bytes_on_disk(const std::filesystem::path& file, std::uint64_t size);
// Writes beside the target and renames, so a kill leaves the old content or the new, never half.
void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> content);
void write_file_atomically(const std::filesystem::path& file, std::string_view content);
// Brings renames inside a folder to the disk, where the file system lets it.
void sync_folder(const std::filesystem::path& folder);
// `folder / name` where name comes from a file we do not trust: no absolute path, no "..", no NUL. A link in the
// HF cache (snapshots/…/file -> ../../blobs/…) may be followed; any other link out of the folder is refused.
std::filesystem::path join_inside(const std::filesystem::path& folder, const std::string& name);

}  // namespace deltascape::io
