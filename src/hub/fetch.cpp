// Owns the decision between cache and hub.
#include "hub/fetch.h"

#include <algorithm>

#include "deltascape/error.h"
#include "hub/cache_entry.h"
#include "hub/download.h"
#include "hub/http.h"
#include "hub/near_path.h"
#include "hub/needed.h"
#include "io/gguf.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

std::string hf_command(const HubId& id) {
  return "hf download " + id.repository + (id.inside.empty() ? "" : " " + id.inside) +
         (id.revision.empty() ? "" : " --revision " + id.revision);
}

// The files that an address names, if it names one: all parts of a split GGUF.
bool holds_inside(const Resolved& cached, const HubId& id) {
  const std::vector<std::string> files = parts_of(id.inside);
  std::error_code ignored;
  return std::ranges::all_of(files, [&](const std::string& f) { return fs::exists(cached.path / f, ignored); });
}

bool is_usable(const Resolved& cached, const HubId& id) {
  if (!id.inside.empty()) return holds_inside(cached, id);
  return holds_adapter_files(cached.path) || holds_weights(cached.path);
}

// Nothing that a download would bring is missing, as far as the cache can tell.
bool is_whole(const Resolved& cached, const HubId& id, const fs::path& cache) {
  if (!id.inside.empty()) return holds_inside(cached, id);
  std::error_code ignored;
  if (fs::exists(cached.path / "adapter_config.json", ignored)) return holds_adapter_files(cached.path);
  if (!holds_weights(cached.path)) return false;
  return !fs::exists(cached.path / "config.json", ignored) || holds_tokenizer(cached.path) ||
         CacheEntry(cache, cached.repository).is_known_absent(cached.commit, "tokenizer.json");
}

std::optional<Resolved> find_in_cache(const HubId& id, const fs::path& cache) try {
  return find_cached(id, cache, "");
} catch (const Error& e) {
  if (e.code() != ErrorCode::kNotFound) throw;
  return std::nullopt;
}

// The snapshot's folder that holds what the id names.
Resolved fetch_snapshot(const HubId& id, Progress& progress, const Settings& settings,
                        const ConfigurationCheck& check) {
  if (settings.offline)
    return find_cached(id, settings.cache, "HF_HUB_OFFLINE is set: unset it, or run " + hf_command(id));
  std::optional<Resolved> cached = find_in_cache(id, settings.cache);
  // A note says that the cache could not tell which commit is meant; the hub can.
  if (cached && cached->note.empty() && is_whole(*cached, id, settings.cache)) return *cached;
  if (!can_download()) {
    if (cached && is_usable(*cached, id)) return *cached;
    return find_cached(id, settings.cache, "this program was built without libcurl: run " + hf_command(id));
  }
  try {
    return download(id, settings, progress, check);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kIo || !cached || !is_usable(*cached, id)) throw;
    cached->note = "using '" + id.repository + "' as it is in the cache: " + e.what();
    return *cached;
  }
}

}  // namespace

Resolved fetch(const std::string& model, Progress& progress, const Settings& settings,
               const ConfigurationCheck& check) try {
  const auto id = parse_hub_id(model);
  if (!id || exists_here(model)) return resolve(model);
  if (!id->inside.empty() && !io::ends_in_gguf(id->inside)) inside_of({}, *id, "");  // throws
  Resolved found = fetch_snapshot(*id, progress, settings, check);
  found.path = inside_of(found.path, *id, hf_command(*id));
  return found;
} catch (const Error& e) {
  if (exists_here(model)) throw;
  if (std::string(e.what()).find("did you mean") != std::string::npos) throw;
  rethrow_with_near_path(e, model);
}

Resolved fetch(const std::string& model, Progress& progress, const ConfigurationCheck& check) {
  if (exists_here(model) || !parse_hub_id(model)) return resolve(model);
  return fetch(model, progress, settings_from_environment(), check);
}

std::filesystem::path fetch_path(const std::string& model, Progress& progress, const ConfigurationCheck& check) {
  Resolved found = fetch(model, progress, check);
  if (!found.note.empty()) progress.note(found.note);
  return std::move(found.path);
}

}  // namespace deltascape::hub
