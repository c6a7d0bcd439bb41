// Owns the order of a download: listing, files, shards, the reference.
#include "hub/download.h"

#include <algorithm>

#include "deltascape/error.h"
#include "hub/cache_entry.h"
#include "hub/needed.h"
#include "hub/transfer.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

class Download {
 public:
  Download(const HubId& id, const Settings& settings, Progress& progress, const ConfigurationCheck& check)
      : id_(id), client_(settings), entry_(settings.cache, id.repository), progress_(progress), check_(check) {}

  Resolved run() {
    listing_ = client_.list(id_);
    std::vector<std::string> names;
    for (const RemoteFile& file : listing_.files) names.push_back(file.name);
    const Needed needed = needed_files(names, id_.repository, id_.inside);
    const fs::path snapshot = entry_.snapshot(listing_.commit);
    fetch_all(configurations(needed.files));
    if (check_) check_(snapshot);
    fetch_all(needed.files);
    if (!needed.index.empty()) fetch_all(shards_of(snapshot / needed.index));
    if (!listing_.find("tokenizer.json")) entry_.remember_absent(listing_.commit, "tokenizer.json");
    const std::string revision = id_.revision.empty() ? "main" : id_.revision;
    if (!is_commit(revision)) entry_.write_ref(revision, listing_.commit);
    return {snapshot, id_.repository, listing_.commit, ""};
  }

 private:
  static std::vector<std::string> configurations(const std::vector<std::string>& files) {
    std::vector<std::string> out;
    for (const std::string& name : files)
      if (name == "config.json" || name == "adapter_config.json") out.push_back(name);
    return out;
  }

  void fetch_all(const std::vector<std::string>& names) {
    std::vector<const RemoteFile*> missing;
    std::int64_t bytes = 0;
    for (const std::string& name : names) {
      const RemoteFile* file = listing_.find(name);
      if (file == nullptr)
        throw Error(ErrorCode::kBadFile, "the index names a shard that the repository does not have",
                    {.path = id_.repository, .field = name});
      std::error_code ignored;
      if (fs::is_regular_file(entry_.snapshot(listing_.commit) / name, ignored)) continue;
      missing.push_back(file);
      bytes += std::max<std::int64_t>(file->size, 0);
    }
    if (missing.empty()) return;
    ByteProgress progress(progress_, "downloading " + id_.repository, bytes);
    for (const RemoteFile* file : missing) fetch_one(*file, progress);
  }

  void fetch_one(const RemoteFile& file, ByteProgress& progress) {
    const FileFacts facts = client_.facts(id_, listing_.commit, file.name);
    const std::int64_t size = facts.size >= 0 ? facts.size : file.size;
    if (size < 0 || (file.size >= 0 && size != file.size))
      throw Error(ErrorCode::kBadFile, "the hub does not say one size for this file",
                  {.path = id_.repository,
                   .field = file.name,
                   .expected = std::to_string(file.size) + " bytes, as listed",
                   .found = std::to_string(size)});
    const FileLock lock(entry_.lock(facts.etag), [&] {
      progress_.note("waiting for another process that downloads " + id_.repository + " " + file.name);
    });
    const fs::path blob = entry_.blob(facts.etag);
    std::error_code absent;
    if (fs::file_size(blob, absent) == static_cast<std::uintmax_t>(size) && !absent) progress.add(size);
    else Transfer(client_, {id_, listing_.commit, {file.name, size, file.sha256}, facts.etag}, progress).run(blob);
    entry_.link(listing_.commit, file.name, facts.etag);
  }

  const HubId& id_;
  HubClient client_;
  CacheEntry entry_;
  Progress& progress_;
  const ConfigurationCheck& check_;
  Listing listing_;
};

}  // namespace

Resolved download(const HubId& id, const Settings& settings, Progress& progress, const ConfigurationCheck& check) {
  return Download(id, settings, progress, check).run();
}

}  // namespace deltascape::hub
