#include "hub/near_path.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/closest.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostEntries = 20'000;  // of a folder, that are looked at
constexpr std::size_t kMostComponents = 64;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found && !ignored;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code failed;
  for (fs::directory_iterator it(folder.empty() ? fs::path(".") : folder, failed), end;
       !failed && it != end && out.size() < kMostEntries; it.increment(failed)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with('.')) out.push_back(std::move(name));
  }
  return out;
}

}  // namespace

std::string near_path(const std::string& path) {
  const fs::path whole(path);
  if (path.empty() || path.find('\0') != std::string::npos || path.find("://") != std::string::npos ||
      static_cast<std::size_t>(std::distance(whole.begin(), whole.end())) > kMostComponents)
    return "";
  fs::path at;
  bool changed = false;
  for (const fs::path& part : whole) {
    if (part.empty()) continue;  // a slash at the end
    if (is_there(at / part)) {
      at /= part;
      continue;
    }
    const std::string name = part.string();
    const auto close =
        near_names(name, names_in(at), std::max<std::size_t>(1, std::min<std::size_t>(name.size() / 4, 3)));
    if (close.empty()) return "";
    at /= close.front();
    changed = true;
  }
  return changed ? at.string() : "";
}

void rethrow_with_near_path(const Error& e, const std::string& path) {
  const bool missing = e.code() == ErrorCode::kNotFound || e.code() == ErrorCode::kIo;
  const std::string near = missing ? near_path(path) : "";
  if (near.empty()) throw e;
  throw Error(e.code(), std::string(e.what()) + "; did you mean the path '" + near + "'?");
}

}  // namespace deltascape::hub
