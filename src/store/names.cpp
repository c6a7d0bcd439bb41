#include "store/names.h"

#include <algorithm>
#include <filesystem>

namespace deltascape::store {
namespace {

namespace fs = std::filesystem;

// org/name or org/name@revision that is no path here.
bool is_hub_id(const std::string& text) {
  std::error_code ignored;
  if (fs::exists(text, ignored)) return false;
  const std::string id = text.substr(0, text.find('@'));
  const std::size_t slash = id.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < id.size() &&
         id.find('/', slash + 1) == std::string::npos && id.front() != '.' && id.front() != '~';
}

std::vector<std::string> components(const std::string& path) {
  std::error_code failed;
  fs::path whole = fs::absolute(path, failed);
  if (failed) whole = path;
  std::vector<std::string> out;
  for (const fs::path& part : whole.lexically_normal())
    if (!part.empty() && part != "/") out.push_back(part.string());
  return out;
}

}  // namespace

std::string with_suffix(const std::string& name, const std::function<bool(const std::string&)>& taken) {
  if (!taken(name)) return name;
  for (std::size_t n = 2;; ++n) {
    const std::string candidate = name + "-" + std::to_string(n);
    if (!taken(candidate)) return candidate;
  }
}

std::string unique_name(const std::string& path_or_id, const std::function<bool(const std::string&)>& taken) {
  if (is_hub_id(path_or_id)) {
    std::string id = path_or_id.substr(0, path_or_id.find('@'));
    if (!taken(id)) return id;
    return with_suffix(taken(path_or_id) ? id : path_or_id, taken);
  }
  const std::vector<std::string> parts = components(path_or_id);
  if (parts.empty()) return with_suffix(path_or_id, taken);
  std::string name = parts.back();
  for (std::size_t i = parts.size() - 1; taken(name); --i) {
    if (i == 0) return with_suffix(parts.back(), taken);
    name = parts[i - 1] + "/" + name;
  }
  return name;
}

std::string stored_path(const std::string& path_or_id) {
  std::error_code failed;
  const bool spelled_as_path = path_or_id.starts_with('/') || path_or_id.starts_with("./") ||
                               path_or_id.starts_with("../") || path_or_id == "." || path_or_id == "..";
  if (path_or_id.empty() || (!spelled_as_path && !fs::exists(path_or_id, failed))) return path_or_id;
  fs::path whole = fs::absolute(path_or_id, failed);
  if (failed) return path_or_id;
  // Behind a link ".." leads to the target's parent; no other path needs its links followed.
  if (path_or_id.find("..") != std::string::npos) {
    const fs::path followed = fs::weakly_canonical(whole, failed);
    if (!failed) whole = followed;
  }
  whole = whole.lexically_normal();
  if (!whole.has_filename() && whole.has_relative_path()) whole = whole.parent_path();
  return whole.string();
}

std::string short_base(const std::string& base_name) {
  if (base_name.empty()) return base_name;
  const bool hub_id =
      std::count(base_name.begin(), base_name.end(), '/') == 1 && base_name.front() != '.' && base_name.front() != '/';
  fs::path path(base_name);
  if (!path.has_filename()) path = path.parent_path();
  if (path.extension() == ".gguf") path.replace_extension();
  return hub_id ? base_name : path.filename().string();
}

}  // namespace deltascape::store
