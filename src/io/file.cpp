// Owns opening files that may be hostile, and reading them whole.
#include "io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "deltascape/error.h"
#include "io/stand_in.h"

namespace deltascape::io {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISSOCK(mode)) return "a socket";
  return "something that is not a file";
}

[[noreturn]] void fail_to_open(const std::filesystem::path& file, int error) {
  const ErrorContext where{.path = file.string(), .field = {}, .expected = {}, .found = {}};
  if (error == ENOENT || error == ENOTDIR) throw Error(ErrorCode::kNotFound, "no such file", where);
  if (error == ELOOP) throw Error(ErrorCode::kBadFile, "the symbolic links of this path go round in a loop", where);
  if (error == ENXIO) throw Error(ErrorCode::kBadFile, "this is a socket or a device, not a regular file", where);
  throw Error(ErrorCode::kIo, std::string("cannot open: ") + std::strerror(error), where);
}

// An open descriptor of a regular file, and its size.
class Opened {
 public:
  explicit Opened(const std::filesystem::path& file) {
    if (file.native().find('\0') != std::string::npos) fail_to_open(file, ENOENT);
    // O_NONBLOCK: opening a FIFO without a writer would otherwise wait for ever.
    descriptor_ = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor_ < 0) fail_to_open(file, errno);
    struct stat status {};
    const bool known = ::fstat(descriptor_, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      throw Error(ErrorCode::kBadFile, "this cannot be read",
                  {.path = file.string(), .field = {}, .expected = "a regular file", .found = kind_of(status.st_mode)});
    }
    size_ = static_cast<std::size_t>(status.st_size);
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  ~Opened() { ::close(descriptor_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int descriptor() const { return descriptor_; }
  std::size_t size() const { return size_; }
  std::uint64_t device() const { return device_; }
  std::uint64_t inode() const { return inode_; }

 private:
  int descriptor_ = -1;
  std::size_t size_ = 0;
  std::uint64_t device_ = 0, inode_ = 0;
};

[[noreturn]] void fail_too_large(const std::filesystem::path& file, std::size_t max_bytes, const std::string& found) {
  throw Error(ErrorCode::kBadFile, "the file is too large for what it should hold",
              {.path = file.string(),
               .field = {},
               .expected = "at most " + std::to_string(max_bytes) + " bytes",
               .found = found});
}

}  // namespace

MappedFile::MappedFile(std::filesystem::path path, std::span<const std::byte> bytes, std::uint64_t device,
                       std::uint64_t inode)
    : path_(std::move(path)), bytes_(bytes), device_(device), inode_(inode) {}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& file) {
  const Opened opened(file);
  std::span<const std::byte> bytes;
  if (opened.size() > 0) {  // mmap refuses a length of 0
    void* start = ::mmap(nullptr, opened.size(), PROT_READ, MAP_PRIVATE, opened.descriptor(), 0);
    if (start == MAP_FAILED)
      throw Error(ErrorCode::kIo, std::string("cannot map the file: ") + std::strerror(errno),
                  {.path = file.string(), .field = {}, .expected = {}, .found = {}});
    bytes = {static_cast<const std::byte*>(start), opened.size()};
#ifdef MADV_HUGEPAGE
    // Where the file system can, reads come in large folios whatever the device's read-ahead: 1.6 to 2.6 GB/s here, and
    // mapping them costs next to nothing. Elsewhere it changes nothing.
    if (bytes.size() >= kHugePage) ::madvise(start, bytes.size(), MADV_HUGEPAGE);
#endif
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(file, bytes, opened.device(), opened.inode()));
}

void MappedFile::drop_cached(std::size_t offset, std::size_t length) const try {
  const Opened opened(path_);
  if (opened.device() != device_ || opened.inode() != inode_) return;
  ::posix_fadvise(opened.descriptor(), static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
} catch (const Error&) {  // on purpose: it is advice, and a file that is gone has nothing to drop
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void ask_for(std::span<const std::byte> mapped) {
  if (mapped.empty()) return;
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(mapped.data());
  const std::uintptr_t begin = first / page * page;
  ::madvise(reinterpret_cast<void*>(begin), first + mapped.size() - begin, MADV_WILLNEED);
}

std::string read_text(const std::filesystem::path& file, std::size_t max_bytes) {
  const Opened opened(file);
  if (opened.size() > max_bytes) fail_too_large(file, max_bytes, std::to_string(opened.size()));
  std::string text(opened.size(), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t got = ::read(opened.descriptor(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(ErrorCode::kIo, std::string("cannot read: ") + std::strerror(errno),
                  {.path = file.string(), .field = {}, .expected = {}, .found = {}});
    if (got == 0) break;  // it shrank while we read
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  refuse_lfs_pointer(text, file);
  return text;
}

std::uint64_t bytes_on_disk(const std::filesystem::path& file, std::uint64_t size) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return size;
  return std::min(size, static_cast<std::uint64_t>(status.st_blocks) * 512);  // POSIX: units of 512 bytes
}

namespace {

std::filesystem::file_type type_of(const std::filesystem::path& path) {
  std::error_code failed;
  const auto type = std::filesystem::status(path, failed).type();
  if (failed && type != std::filesystem::file_type::not_found)
    throw Error(ErrorCode::kIo, "cannot be opened: " + failed.message(), {.path = path.string()});
  return type;
}

}  // namespace

bool exists(const std::filesystem::path& path) { return type_of(path) != std::filesystem::file_type::not_found; }
bool is_directory(const std::filesystem::path& path) { return type_of(path) == std::filesystem::file_type::directory; }
bool is_regular_file(const std::filesystem::path& path) { return type_of(path) == std::filesystem::file_type::regular; }

}  // namespace deltascape::io
