// Owns the file system's side of a download.
#include "hub/cache_entry.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr int kPollsBeforeWord = 60;  // three seconds

[[noreturn]] void fail(const fs::path& file, const std::string& what, int error) {
  throw Error(ErrorCode::kIo, what + ": " + std::strerror(error), {.path = file.string()});
}

void make_folder(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) fail(folder, "cannot make this folder of the cache", failed.value());
}

bool same_file(int descriptor, const fs::path& path) {
  struct stat mine {
  }, there{};
  return ::fstat(descriptor, &mine) == 0 && ::stat(path.c_str(), &there) == 0 && mine.st_dev == there.st_dev &&
         mine.st_ino == there.st_ino;
}

}  // namespace

FileLock::FileLock(const fs::path& file, const std::function<void()>& waiting) {
  make_folder(file.parent_path());
  for (int polls = 0;; ++polls) {
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (descriptor_ < 0) fail(file, "cannot open the lock", errno);
    const bool locked = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    const int error = errno;
    // Somebody may have removed the file between our two steps: then the lock is nobody's.
    if (locked && same_file(descriptor_, file)) return;
    ::close(descriptor_);
    descriptor_ = -1;
    if (!locked && error != EWOULDBLOCK && error != EINTR) fail(file, "cannot lock", error);
    if (polls == kPollsBeforeWord) waiting();
    std::this_thread::sleep_for(kPoll);
  }
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

PartialFile::PartialFile(const fs::path& file) : path_(file) {
  make_folder(file.parent_path());
  descriptor_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
  struct stat status {};
  if (descriptor_ < 0) fail(file, "cannot write here", errno);
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw Error(ErrorCode::kIo, "not a regular file", {.path = file.string()});
  }
  size_ = status.st_size;
}

PartialFile::~PartialFile() { ::close(descriptor_); }

void PartialFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail(path_, "cannot write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    size_ += done;
  }
}

void PartialFile::restart() {
  if (::ftruncate(descriptor_, 0) != 0) fail(path_, "cannot empty the file", errno);
  size_ = 0;
}

void PartialFile::move_to(const fs::path& target) {
  if (::fsync(descriptor_) != 0) fail(path_, "cannot write to the disk", errno);
  if (::rename(path_.c_str(), target.c_str()) != 0) fail(target, "cannot put the new file in place", errno);
}

void PartialFile::require_space_for(std::int64_t more_bytes) const {
  std::error_code failed;
  const fs::space_info space = fs::space(path_.parent_path(), failed);
  if (failed || more_bytes <= 0 || space.available >= static_cast<std::uintmax_t>(more_bytes)) return;
  throw Error(ErrorCode::kIo, "the disk has no room for this file",
              {.path = path_.string(),
               .expected = std::to_string(more_bytes) + " free bytes",
               .found = std::to_string(space.available)});
}

CacheEntry::CacheEntry(const fs::path& cache, const std::string& repository) : cache_(cache) {
  std::string name = "models--" + repository;
  if (const std::size_t slash = name.find('/'); slash != std::string::npos) name.replace(slash, 1, "--");
  folder_ = cache / name;
}

fs::path CacheEntry::lock(const std::string& etag) const {
  return cache_ / ".locks" / folder_.filename() / (etag + ".lock");
}

void CacheEntry::link(const std::string& commit, const std::string& name, const std::string& etag) const {
  const fs::path place = snapshot(commit) / name;
  make_folder(place.parent_path());
  fs::path target;
  for (auto slashes = std::count(name.begin(), name.end(), '/') + 2; slashes > 0; --slashes) target /= "..";
  target = target / "blobs" / etag;
  fs::path temporary = place;
  temporary += ".tmp-" + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) fail(place, "cannot make a link to the blob", errno);
  if (::rename(temporary.c_str(), place.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    fail(place, "cannot put the link in place", error);
  }
}

void CacheEntry::write_ref(const std::string& revision, const std::string& commit) const {
  const fs::path ref = folder_ / "refs" / revision;
  make_folder(ref.parent_path());
  io::write_file_atomically(ref, commit);
}

void CacheEntry::remember_absent(const std::string& commit, const std::string& name) const {
  const fs::path mark = folder_ / ".no_exist" / commit / name;
  make_folder(mark.parent_path());
  io::write_file_atomically(mark, std::string_view());
}

bool CacheEntry::is_known_absent(const std::string& commit, const std::string& name) const {
  std::error_code ignored;
  return fs::exists(folder_ / ".no_exist" / commit / name, ignored);
}

}  // namespace deltascape::hub
