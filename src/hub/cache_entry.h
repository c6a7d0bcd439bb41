// Owns writing one repository's folder in the Hugging Face cache, as other programs of the hub do it at the same time:
// blobs/ETAG, ETAG.incomplete while it grows, .locks/…/ETAG.lock, snapshots/COMMIT/NAME -> the blob, refs/REVISION.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace deltascape::hub {

// An exclusive flock that other processes see; released by the destructor or a kill. `waiting` is called once when
// somebody else has held it for a while.
class FileLock {
 public:
  FileLock(const std::filesystem::path& file, const std::function<void()>& waiting);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

// blobs/ETAG.incomplete, open for writing at its end. What is there stays when this goes out of scope.
class PartialFile {
 public:
  explicit PartialFile(const std::filesystem::path& file);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  std::int64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }
  void append(std::span<const std::byte> bytes);
  void restart();                                         // empties it
  void move_to(const std::filesystem::path& target);      // syncs to the disk first
  void require_space_for(std::int64_t more_bytes) const;  // Error(kIo) when the disk is too full

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

class CacheEntry {
 public:
  CacheEntry(const std::filesystem::path& cache, const std::string& repository);  // "org/name"
  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path snapshot(const std::string& commit) const { return folder_ / "snapshots" / commit; }
  std::filesystem::path blob(const std::string& etag) const { return folder_ / "blobs" / etag; }
  std::filesystem::path lock(const std::string& etag) const;
  // snapshots/COMMIT/NAME -> blobs/ETAG; replaces what stands there.
  void link(const std::string& commit, const std::string& name, const std::string& etag) const;
  void write_ref(const std::string& revision, const std::string& commit) const;
  // The cache's way to remember that a commit has no such file: .no_exist/COMMIT/NAME.
  void remember_absent(const std::string& commit, const std::string& name) const;
  bool is_known_absent(const std::string& commit, const std::string& name) const;

 private:
  std::filesystem::path cache_, folder_;
};

}  // namespace deltascape::hub
