// Owns the lookup in the Hugging Face cache: models--ORG--NAME/{refs/REVISION, snapshots/COMMIT}.
#include "hub/resolve.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <vector>

#include "deltascape/error.h"
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

bool is_commit(std::string_view text) {
  return text.size() == 40 &&
         std::all_of(text.begin(), text.end(), [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); });
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

fs::path expand_home(const std::string& path) {
  if (path == "~" || path.starts_with("~/")) return environment("HOME").value_or("/") + path.substr(1);
  return path;
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

std::string download_command(const HubId& id) {
  return "download it first: hf download " + id.repository + (id.revision.empty() ? "" : " --revision " + id.revision);
}

[[noreturn]] void fail_not_cached(const HubId& id, const fs::path& looked_at, const std::string& what) {
  throw Error(ErrorCode::kNotFound, what + " (looked for " + looked_at.string() + "); " + download_command(id));
}

// The commit that refs/REVISION names, if that file is there.
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

Resolved snapshot(const HubId& id, const fs::path& repository, const std::string& commit) {
  const fs::path folder = repository / "snapshots" / commit;
  if (!is_folder(folder))
    fail_not_cached(id, folder, "'" + id.repository + "' is in the cache without the files of commit " + commit);
  return {folder, id.repository, commit, ""};
}

Resolved resolve_cached(const HubId& id) {
  const fs::path root = cache_root();
  std::string folder = "models--" + id.repository;
  if (const std::size_t slash = folder.find('/'); slash != std::string::npos) folder.replace(slash, 1, "--");
  const fs::path repository = root / folder;
  if (!is_folder(repository))
    fail_not_cached(id, repository, "'" + id.repository + "' is neither a path here nor in the Hugging Face cache");

  const std::string revision = id.revision.empty() ? "main" : id.revision;
  if (is_commit(revision)) return snapshot(id, repository, revision);
  const fs::path ref = repository / "refs" / revision;
  if (const auto commit = read_ref(ref)) return snapshot(id, repository, *commit);

  const std::vector<std::string> present = snapshot_names(repository / "snapshots");
  if (id.revision.empty() && present.size() == 1) {
    Resolved found = snapshot(id, repository, present.front());
    found.note = "the cache of '" + id.repository + "' has no refs/main; using its only snapshot " + present.front();
    return found;
  }
  if (id.revision.empty() && present.size() > 1)
    throw Error(ErrorCode::kNotFound, "the cache of '" + id.repository + "' has no refs/main and " +
                                          std::to_string(present.size()) + " snapshots; name one: " + id.repository +
                                          "@" + present.front());
  fail_not_cached(id, ref, "'" + id.repository + "' is in the cache, but not its revision '" + revision + "'");
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

fs::path cache_root() {
  if (const auto cache = environment("HF_HUB_CACHE")) return expand_home(*cache);
  if (const auto home = environment("HF_HOME")) return expand_home(*home) / "hub";
  if (const auto xdg = environment("XDG_CACHE_HOME")) return expand_home(*xdg) / "huggingface" / "hub";
  return expand_home("~/.cache") / "huggingface" / "hub";
}

Resolved resolve(const std::string& model) {
  if (model.empty()) throw Error(ErrorCode::kUsage, "an empty text names no model: give a path or a hub id org/name");
  std::error_code failed;
  // A link that goes nowhere or in a circle is not there; what it was is said when the text is no hub id either.
  if (fs::exists(model, failed)) return {model, "", "", ""};
  if (const auto id = parse_hub_id(model)) return resolve_cached(*id);
  throw Error(ErrorCode::kNotFound, "no such file or folder (and it cannot be a hub id org/name[@revision])",
              {.path = model, .field = "", .expected = "", .found = ""});
}

}  // namespace deltascape::hub
