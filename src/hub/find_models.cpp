#include "hub/find_models.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "deltascape/error.h"
#include "hub/needed.h"
#include "hub/resolve.h"
#include "io/file.h"
#include "io/gguf.h"
#include "io/json.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

// A JSON file of this name means much; one that says a model_type is a model's.
bool describes_model(const fs::path& config) try {
  const io::Json json = io::read_json(config);
  return json.is_object() && json.contains("model_type");
} catch (const Error&) {
  return false;
}

bool is_gguf_blob(const fs::path& file) try { return io::is_gguf(file); } catch (const Error&) {
  return false;
}

// models--ORG--NAME of the cache.
bool is_repository(const fs::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().string().starts_with("models--");
}

class Search {
 public:
  explicit Search(const FindLimits& limits) : limits_(limits) {}
  void folder(const fs::path& path, int depth);
  FoundModels take() { return std::move(found_); }

 private:
  struct Listing {
    std::vector<std::string> gguf, blobs, folders;
    bool is_model = false, has_config = false;
  };
  std::optional<Listing> list(const fs::path& path);
  void adapters_in(const fs::path& model, const Listing& listing);
  std::optional<std::string> main_snapshot(const fs::path& repository);
  using Place = std::pair<dev_t, ino_t>;  // whatever its name
  static Place place_of(const fs::path& path);
  bool is_new(const fs::path& path);
  bool is_over(const fs::path& path, int depth);

  const FindLimits limits_;
  std::size_t entries_ = 0;
  bool told_many_ = false, told_deep_ = false;  // of several folders beyond a limit, one is a problem
  std::set<Place> seen_, models_;
  FoundModels found_;
};

Search::Place Search::place_of(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? Place{status.st_dev, status.st_ino} : Place{};
}

bool Search::is_new(const fs::path& path) {
  const Place place = place_of(path);
  return place != Place{} && seen_.insert(place).second;
}

bool Search::is_over(const fs::path& path, int depth) {
  const bool many = entries_ > limits_.entries;
  if (!many && depth <= limits_.depth) return false;
  if (!many && !limits_.tell_depth) return true;
  bool& told = many ? told_many_ : told_deep_;
  if (!std::exchange(told, true))
    found_.problems.emplace_back(
        Error(ErrorCode::kUsage, "the search ended here: name a folder that is nearer to the models",
              {.path = path.string(),
               .expected = many ? "at most " + std::to_string(limits_.entries) + " files and folders"
                                : "at most " + std::to_string(limits_.depth) + " folders in each other"})
            .what());
  return true;
}

std::optional<Search::Listing> Search::list(const fs::path& path) {
  Listing out;
  std::error_code failed, ignored;
  fs::directory_iterator it(path, failed);
  for (const fs::directory_iterator end; !failed && it != end && entries_ <= limits_.entries; it.increment(failed)) {
    ++entries_;
    const std::string name = it->path().filename().string();
    out.is_model = out.is_model || is_model_file(name);
    out.has_config = out.has_config || name == "config.json";
    if (name.starts_with('.')) continue;
    if (it->is_directory(ignored)) out.folders.push_back(name);
    else if (io::ends_in_gguf(name)) out.gguf.push_back(name);
    // Ollama keeps models under the hash of their content; other blobs lie beside them.
    else if (name.starts_with("sha256-") && is_gguf_blob(it->path())) out.blobs.push_back(name);
  }
  if (failed) {
    found_.problems.emplace_back(
        Error(ErrorCode::kIo, "cannot be looked into: " + failed.message(), {.path = path.string()}).what());
    return std::nullopt;
  }
  out.gguf = io::gguf_models(out.gguf);
  std::sort(out.blobs.begin(), out.blobs.end());
  out.gguf.insert(out.gguf.end(), out.blobs.begin(), out.blobs.end());
  std::sort(out.folders.begin(), out.folders.end());
  return out;
}

// The snapshot that refs/main names, where the cache has it.
std::optional<std::string> Search::main_snapshot(const fs::path& repository) try {
  const auto main = read_ref(repository / "refs" / "main");
  std::error_code ignored;
  return main && fs::is_directory(repository / "snapshots" / *main, ignored) ? main : std::nullopt;
} catch (const Error& e) {
  found_.problems.emplace_back(e.what());
  return std::nullopt;
}

void Search::adapters_in(const fs::path& model, const Listing& listing) {
  std::error_code ignored;
  for (const std::string& name : listing.folders)
    if (!name.starts_with("checkpoint-") && fs::is_regular_file(model / name / "adapter_config.json", ignored) &&
        is_new(model / name))
      found_.models.push_back(model / name);
}

void Search::folder(const fs::path& path, int depth) {
  if (is_over(path, depth)) return;
  if (!is_new(path)) {
    if (models_.contains(place_of(path))) found_.models.push_back(path);
    return;
  }
  if (is_repository(path))
    if (const auto main = main_snapshot(path)) return folder(path / "snapshots" / *main, depth);
  const auto here = list(path);
  if (!here) return;
  if (here->is_model || (here->has_config && describes_model(path / "config.json"))) {
    found_.models.push_back(path);
    models_.insert(place_of(path));
    if (limits_.in_models) adapters_in(path, *here);
    return;
  }
  for (const std::string& file : here->gguf) found_.models.push_back(path / file);
  for (const std::string& name : here->folders) folder(path / name, depth + 1);
}

}  // namespace

FoundModels find_models(const fs::path& path, const FindLimits& limits) {
  if (!io::is_directory(path)) return {.models = {path}, .problems = {}};
  Search search(limits);
  search.folder(path, 0);
  FoundModels found = search.take();
  // A folder with one GGUF is that model.
  if (found.models.size() == 1 && io::ends_in_gguf(found.models[0].filename().string()) &&
      found.models[0].parent_path() == path)
    found.models[0] = path;
  return found;
}

}  // namespace deltascape::hub
