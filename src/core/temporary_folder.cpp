#include "core/temporary_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "deltascape/error.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = ".lock";

// The lock of an abandoned folder, taken; -1 for one that is in use, somebody else's, or not (yet) locked by its maker.
int take_abandoned(const fs::path& folder) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != ::getuid()) return -1;
  const int lock = ::open((folder / kLock).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (lock < 0) return -1;
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  ::close(lock);
  return -1;
}

void remove_abandoned(const fs::path& parent, const std::string& prefix) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const int lock = take_abandoned(entry.path());
    if (lock < 0) continue;
    fs::remove_all(entry.path(), ignored);
    ::close(lock);
  }
}

}  // namespace

TemporaryFolder::TemporaryFolder(const std::string& purpose) {
  const fs::path parent = fs::temp_directory_path();
  const std::string prefix = "deltascape-" + purpose + "-";
  remove_abandoned(parent, prefix);
  std::string name = (parent / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw Error(ErrorCode::kIo, std::string("cannot make a temporary folder: ") + std::strerror(errno), {.path = name});
  path_ = name;
  // Locked before it has its name: nobody finds it open.
  const fs::path early = path_ / ".early";
  lock_ = ::open(early.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) == 0) ::rename(early.c_str(), (path_ / kLock).c_str());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // what cannot be removed stays; a destructor has nobody to tell
  fs::remove_all(path_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace deltascape
