// Owns the lookup in the Hugging Face cache: models--ORG--NAME/{refs/REVISION, snapshots/COMMIT}.
#include "hub/resolve.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>
#include <system_error>
#include <vector>

#include "deltascape/error.h"
#include "hub/cache_entry.h"
#include "hub/environment.h"
#include "hub/near_path.h"
#include "io/file.h"
#include "io/gguf.h"

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

// "org/name", or a name alone.
bool is_repository(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return is_name(text);
  return is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
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

// An address is matched without its scheme, and hosts are.
std::string_view without_scheme(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://", "hf://"})
    if (text.starts_with(scheme)) return text.substr(scheme.size());
  return text;
}

// What stands behind the host of a hub; nothing where the text is no address of one.
std::optional<std::string> path_on_hub(const std::string& text) {
  if (text.starts_with("hf://")) return text.substr(5);
  std::vector<std::string> hosts{"huggingface.co", "www.huggingface.co", "hf.co"};
  if (const std::string own = endpoint_or_empty(); !own.empty()) hosts.emplace_back(without_scheme(own));
  const std::string_view rest = without_scheme(text);
  for (const std::string& host : hosts)
    if (rest.starts_with(host) && rest.substr(host.size()).starts_with('/'))
      return std::string(rest.substr(host.size() + 1));
  return std::nullopt;
}

// The components of an address's path, "%2F" and the like decoded; what follows '?' or '#' is left out.
std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> out(1);
  path = path.substr(0, path.find_first_of("?#"));
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '/') {
      if (!out.back().empty()) out.emplace_back();
      continue;
    }
    unsigned value = 0;
    const bool escaped =
        path[i] == '%' && i + 2 < path.size() &&
        std::from_chars(path.data() + i + 1, path.data() + i + 3, value, 16).ptr == path.data() + i + 3;
    out.back() += escaped ? static_cast<char>(value) : path[i];
    if (escaped) i += 2;
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

// ORG/NAME[@REVISION][/tree|blob|resolve|raw/REVISION[/PATH]]
std::optional<HubId> hub_id_of_address(const std::string& text) {
  const auto path = path_on_hub(text);
  if (!path) return std::nullopt;
  std::vector<std::string> parts = components_of(*path);
  const auto is_view = [](const std::string& part) {
    return part == "tree" || part == "blob" || part == "resolve" || part == "raw" || part == "commit";
  };
  if (parts.empty() || parts[0] == "datasets" || parts[0] == "spaces") return std::nullopt;
  std::size_t next = parts.size() == 1 || (parts.size() > 2 && is_view(parts[1])) ? 1 : 2;
  HubId id{next == 1 ? parts[0] : parts[0] + "/" + parts[1], ""};
  if (const std::size_t at = id.repository.find('@'); at != std::string::npos) {
    id.revision = id.repository.substr(at + 1);
    id.repository.resize(at);
  }
  if (next + 1 < parts.size() && is_view(parts[next])) {
    id.revision = parts[next + 1];
    next += 2;
    if (id.revision == "refs" && next + 1 < parts.size()) {
      id.revision += "/" + parts[next] + "/" + parts[next + 1];
      next += 2;
    }
    for (; next < parts.size(); ++next) id.inside += (id.inside.empty() ? "" : "/") + parts[next];
  }
  // A page beside the model (discussions, the list of files) is the model's too; so is one of its files at the top.
  if (id.inside.find('/') == std::string::npos && id.inside.find('.') != std::string::npos &&
      !io::ends_in_gguf(id.inside))
    id.inside.clear();
  if (id.revision == "main") id.revision.clear();
  const bool sound = id.repository.size() <= kMaxId && is_repository(id.repository) &&
                     (id.revision.empty() || is_revision(id.revision));
  return sound ? std::optional(id) : std::nullopt;
}

// org/name/FILE.gguf
std::optional<HubId> hub_id_of_file(const std::string& text) {
  const std::size_t second = text.find('/', std::min(text.find('/'), text.size() - 1) + 1);
  if (!io::ends_in_gguf(text) || second == text.npos || text.size() > kMaxId) return std::nullopt;
  HubId id{text.substr(0, second), "", text.substr(second + 1)};
  return is_repository(id.repository) ? std::optional(id) : std::nullopt;
}

[[noreturn]] void fail_not_cached(const fs::path& looked_at, const std::string& what, const std::string& remedy) {
  throw Error(ErrorCode::kNotFound,
              what + " (looked for " + looked_at.string() + ")" + (remedy.empty() ? "" : "; " + remedy));
}

}  // namespace

bool is_address(const std::string& text) {
  return text.starts_with("https://") || text.starts_with("http://") || path_on_hub(text).has_value();
}

std::optional<HubId> parse_hub_id(const std::string& text) {
  if (is_address(text)) return hub_id_of_address(text);
  if (auto id = hub_id_of_file(text)) return id;
  std::string bare = text;
  while (bare.ends_with('/')) bare.pop_back();
  if (bare.size() > kMaxId) return std::nullopt;
  const std::size_t at = bare.find('@');
  HubId id{bare.substr(0, at), at == std::string::npos ? "" : bare.substr(at + 1)};
  if (at != std::string::npos && !is_revision(id.revision)) return std::nullopt;
  if (!is_repository(id.repository)) return std::nullopt;
  return id;
}

std::string short_form(const std::string& text) {
  if (exists_here(text)) return text;
  const auto id = parse_hub_id(text);
  if (!id || !id->inside.empty()) return text;
  return id->repository + (id->revision.empty() ? "" : "@" + id->revision);
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

fs::path inside_of(const fs::path& snapshot, const HubId& id, const std::string& remedy) {
  if (id.inside.empty()) return snapshot;
  if (!io::ends_in_gguf(id.inside))
    throw Error(ErrorCode::kUnsupported,
                "the address names a part of a repository: fetch it (hf download " + id.repository + " --include '" +
                    id.inside + "*') and give its path",
                {.path = id.repository, .expected = "a model at the top, or a .gguf file", .found = id.inside});
  const fs::path file = io::join_inside(snapshot, id.inside);
  if (!exists_here(file.string()))
    fail_not_cached(file, "'" + id.repository + "' is in the cache, but not its file '" + id.inside + "'", remedy);
  return file;
}

namespace {

Resolved resolve_as_given(const std::string& model) {
  if (model.empty()) throw Error(ErrorCode::kUsage, "an empty text names no model: give a path or a hub id org/name");
  if (exists_here(model)) return {model_of(model), "", "", ""};
  if (const auto id = parse_hub_id(model)) {
    const std::string remedy = "download it first: hf download " + id->repository +
                               (id->inside.empty() ? "" : " " + id->inside) +
                               (id->revision.empty() ? "" : " --revision " + id->revision);
    Resolved found = find_cached(*id, cache_root(), remedy);
    found.path = inside_of(found.path, *id, remedy);
    return found;
  }
  if (is_address(model))
    throw Error(ErrorCode::kNotFound, "this address is not the page of a model",
                {.path = model, .expected = "https://huggingface.co/ORG/NAME[/tree/REVISION]"});
  throw Error(ErrorCode::kNotFound, "no such file or folder (and it cannot be a hub id org/name[@revision])",
              {.path = model, .field = "", .expected = "", .found = ""});
}

}  // namespace

Resolved resolve(const std::string& model) try { return resolve_as_given(model); } catch (const Error& e) {
  rethrow_with_near_path(e, model);
}

}  // namespace deltascape::hub
