// Owns moving one file's bytes: ranges, cut connections, and the check of what came.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "deltascape/progress.h"
#include "hub/cache_entry.h"
#include "hub/client.h"

namespace deltascape::hub {

// Bytes as a stage of Progress, in megabytes.
class ByteProgress {
 public:
  ByteProgress(Progress& progress, const std::string& stage, std::int64_t total_bytes);
  void add(std::int64_t bytes);  // below 0: what came was thrown away

 private:
  Progress& progress_;
  std::int64_t bytes_ = 0, told_ = 0;
};

// What is moved: a file of a repository, its size known.
struct Cargo {
  HubId id;
  std::string commit;
  RemoteFile file;
  std::string etag;
};

class Transfer {
 public:
  Transfer(HubClient& client, Cargo cargo, ByteProgress& progress);
  // Fills BLOB.incomplete from where it ends and renames it to `blob` once size and hash are right. A file whose hash
  // is wrong is removed; one that was begun earlier is fetched whole once before that counts.
  void run(const std::filesystem::path& blob);

 private:
  void receive(PartialFile& partial);
  void accept(PartialFile& partial, const HttpResponse& head, std::int64_t from);
  void restart(PartialFile& partial);
  std::string difference(const std::filesystem::path& file) const;  // empty: the content is what the hub named
  [[noreturn]] void refuse(const std::string& what, const std::string& expected, const std::string& found) const;

  HubClient& client_;
  Cargo cargo_;
  ByteProgress& progress_;
};

}  // namespace deltascape::hub
