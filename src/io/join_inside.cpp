// Owns keeping names read from files inside the folder they belong to.
#include <algorithm>

#include "deltascape/error.h"
#include "io/file.h"

namespace deltascape::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(ErrorCode code, const fs::path& folder, const std::string& name, const std::string& why) {
  throw Error(code, why, {.path = folder.string(), .field = name, .expected = {}, .found = {}});
}

bool is_inside(const fs::path& file, const fs::path& folder) {
  const auto [rest, end] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return rest == folder.end() && end != file.end();
}

// The blobs folder of an HF cache entry `models--org--name` that `folder` is a snapshot of; empty when it is none.
fs::path blobs_of(const fs::path& folder) {
  for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
    const fs::path snapshots = at.parent_path();
    const fs::path entry = snapshots.parent_path();
    if (snapshots.filename() == "snapshots" && entry.filename().string().starts_with("models--"))
      return entry / "blobs";
  }
  return {};
}

bool passes_a_link(const fs::path& folder, const fs::path& name) {
  fs::path at = folder;
  for (const fs::path& part : name) {
    at /= part;
    std::error_code ignored;
    if (fs::is_symlink(fs::symlink_status(at, ignored))) return true;
  }
  return false;
}

}  // namespace

fs::path join_inside(const fs::path& folder, const std::string& name) {
  if (name.empty()) refuse(ErrorCode::kBadFile, folder, name, "an empty file name");
  if (name.find('\0') != std::string::npos) refuse(ErrorCode::kBadFile, folder, name, "a file name with a NUL byte");
  const fs::path relative(name);
  if (relative.is_absolute()) refuse(ErrorCode::kBadFile, folder, name, "an absolute path, where a name is expected");
  if (std::find(relative.begin(), relative.end(), "..") != relative.end())
    refuse(ErrorCode::kBadFile, folder, name, "a file name that leaves its folder");
  const fs::path joined = folder / relative;
  if (!passes_a_link(folder, relative)) return joined;

  std::error_code error;
  const fs::path target = fs::canonical(joined, error);
  if (error == std::errc::no_such_file_or_directory)
    refuse(ErrorCode::kNotFound, folder, name, "a symbolic link to a file that does not exist");
  if (error == std::errc::too_many_symbolic_link_levels)
    refuse(ErrorCode::kBadFile, folder, name, "a symbolic link that goes round in a loop");
  if (error) refuse(ErrorCode::kIo, folder, name, "cannot follow the symbolic link: " + error.message());
  const fs::path home = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  if (is_inside(target, home)) return joined;
  const fs::path blobs = blobs_of(home);
  if (!blobs.empty() && is_inside(target, blobs)) return joined;
  refuse(ErrorCode::kBadFile, folder, name, "a symbolic link that leads out of its folder");
}

}  // namespace deltascape::io
