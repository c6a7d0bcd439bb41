// Owns writing files so that a reader sees the old content or the new, never half of it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, const std::string& what, int error) {
  const auto code = error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  throw Error(code, what + ": " + std::strerror(error),
              {.path = file.string(), .field = {}, .expected = {}, .found = {}});
}

// The file a link names, so that replacing it keeps the link.
fs::path through_links(const fs::path& target) {
  std::error_code error;
  if (!fs::is_symlink(fs::symlink_status(target, error))) return target;
  const fs::path real = fs::weakly_canonical(target, error);
  if (error) fail(target, "cannot follow the symbolic link", error.value());
  return real;
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& target) : target_(through_links(target)) {
  struct stat status {};
  const bool exists = ::stat(target_.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode))
    throw Error(ErrorCode::kIo, "this exists and is not a regular file: it will not be replaced",
                {.path = target_.string(), .field = {}, .expected = {}, .found = {}});
  static std::atomic<unsigned> counter{0};
  temporary_ = target_;
  temporary_ += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(target_, "cannot create a file here", errno);
  if (exists && ::fchmod(descriptor_, status.st_mode & 07777) != 0) errno = 0;  // best effort: content comes first
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail(target_, "cannot write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail(target_, "cannot write to the disk", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(target_, "cannot put the new file in place", errno);
  ::close(descriptor_);
  descriptor_ = -1;
  sync_folder(target_.parent_path());
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // the rename happened; only its durability is less certain
  ::fsync(descriptor);
  ::close(descriptor);
}

void write_file_atomically(const fs::path& file, std::span<const std::byte> content) {
  AtomicFile out(file);
  out.write(content);
  out.commit();
}

void write_file_atomically(const fs::path& file, std::string_view content) {
  write_file_atomically(file, std::as_bytes(std::span(content)));
}

}  // namespace deltascape::io
