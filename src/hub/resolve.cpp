// Owns the lookup in the Hugging Face cache: models--ORG--NAME/{refs/REVISION, snapshots/COMMIT}.
#include "hub/resolve.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <system_error>
#include <vector>

#include "deltascape/error.h"
#include "hub/cache_entry.h"
#include "hub/environment.h"
#include "io/file.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxId = 200;        // the hub's own limit is 96 a repository
constexpr std::size_t kMaxRefBytes = 256;  // a ref holds one commit

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.'; }

// The hub's rule for an owner or a name; it also keeps "--", the cache's own separator, and ".." out.
bool is_name(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), is_word) && part.find("--") == part.npos &&
         part.find("..") == part.npos && part.front() != '.' && part.back() != '.' && part.front() != '-' &&
         part.back() != '-';
}

// Git reference names, less what could leave the cache's folder.
bool is_revision(std::string_view text) {
  if (text.empty() || text.front() == '/' || text.back() == '/' || text.find("//") != text.npos ||
      text.find("..") != text.npos)
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '/' || c == '+'; });
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::vector<std::string> snapshot_names(const fs::path& snapshots) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator it(snapshots, failed), end; !failed && it != end; it.increment(failed))
    if (is_folder(it->path())) names.push_back(it->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

[[noreturn]] void fail_not_cached(const fs::path& looked_at, const std::string& what, const std::string& remedy) {
  throw Error(ErrorCode::kNotFound,
              what + " (looked for " + looked_at.string() + ")" + (remedy.empty() ? "" : "; " + remedy));
}

}  // namespace

std::optional<HubId> parse_hub_id(const std::string& text) {
  if (text.size() > kMaxId) return std::nullopt;
  const std::size_t at = text.find('@');
  const HubId id{text.substr(0, at), at == std::string::npos ? "" : text.substr(at + 1)};
  if (at != std::string::npos && !is_revision(id.revision)) return std::nullopt;
  const std::size_t slash = id.repository.find('/');
  const std::string_view whole = id.repository;
  if (slash == std::string::npos) return is_name(whole) ? std::optional(id) : std::nullopt;
  if (!is_name(whole.substr(0, slash)) || !is_name(whole.substr(slash + 1))) return std::nullopt;
  return id;
}

bool is_commit(std::string_view text) {
  return text.size() == 40 &&
         std::all_of(text.begin(), text.end(), [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); });
}

Resolved find_cached(const HubId& id, const fs::path& root, const std::string& remedy) {
  const CacheEntry entry(root, id.repository);
  if (!is_folder(entry.folder()))
    fail_not_cached(entry.folder(), "'" + id.repository + "' is neither a path here nor in the Hugging Face cache",
                    remedy);
  const auto snapshot = [&](const std::string& commit) -> Resolved {
    const fs::path folder = entry.snapshot(commit);
    if (!is_folder(folder))
      fail_not_cached(folder, "'" + id.repository + "' is in the cache without the files of commit " + commit, remedy);
    return {folder, id.repository, commit, ""};
  };
  const std::string revision = id.revision.empty() ? "main" : id.revision;
  if (is_commit(revision)) return snapshot(revision);
  const fs::path ref = entry.folder() / "refs" / revision;
  if (const auto commit = read_ref(ref)) return snapshot(*commit);

  const std::vector<std::string> present = snapshot_names(entry.folder() / "snapshots");
  if (id.revision.empty() && present.size() == 1) {
    Resolved found = snapshot(present.front());
    found.note = "the cache of '" + id.repository + "' has no refs/main; using its only snapshot " + present.front();
    return found;
  }
  if (id.revision.empty() && present.size() > 1)
    throw Error(ErrorCode::kNotFound, "the cache of '" + id.repository + "' has no refs/main and " +
                                          std::to_string(present.size()) + " snapshots; name one: " + id.repository +
                                          "@" + present.front());
  fail_not_cached(ref, "'" + id.repository + "' is in the cache, but not its revision '" + revision + "'", remedy);
}

std::optional<std::string> read_ref(const fs::path& ref) {
  std::error_code ignored;
  if (!fs::exists(ref, ignored) || fs::is_directory(ref, ignored)) return std::nullopt;
  std::string text = io::read_text(ref, kMaxRefBytes);
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), blank).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
  if (!is_name(text))
    throw Error(ErrorCode::kBadFile, "the cache's reference does not hold a commit; delete it and download again",
                {.path = ref.string(), .field = "", .expected = "40 hexadecimal digits", .found = text});
  return text;
}

bool exists_here(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

fs::path model_of(const fs::path& path) {
  const fs::path kind = path.extension();
  const bool part = kind == ".safetensors" || kind == ".bin" || kind == ".json";
  if (!part || !io::is_regular_file(path)) return path;
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

Resolved resolve(const std::string& model) {
  if (model.empty()) throw Error(ErrorCode::kUsage, "an empty text names no model: give a path or a hub id org/name");
  if (exists_here(model)) return {model_of(model), "", "", ""};
  if (const auto id = parse_hub_id(model))
    return find_cached(*id, cache_root(),
                       "download it first: hf download " + id->repository +
                           (id->revision.empty() ? "" : " --revision " + id->revision));
  throw Error(ErrorCode::kNotFound, "no such file or folder (and it cannot be a hub id org/name[@revision])",
              {.path = model, .field = "", .expected = "", .found = ""});
}

}  // namespace deltascape::hub
