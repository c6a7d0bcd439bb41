// Owns the hub's protocol: which requests are made, where redirects may lead, who gets the token, what is repeated, and
// what an answer means in one line.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "hub/environment.h"
#include "hub/http.h"
#include "hub/resolve.h"

namespace deltascape::hub {

struct RemoteFile {
  std::string name;        // path inside the repository
  std::int64_t size = -1;  // -1: the listing does not say
  std::string sha256;      // of files in large-file storage, else empty
};

struct Listing {
  std::string commit;  // 40 hexadecimal digits
  std::vector<RemoteFile> files;
  const RemoteFile* find(const std::string& name) const;
};

// What the hub says about one file before it is read.
struct FileFacts {
  std::string etag;        // fit for a file name
  std::int64_t size = -1;  // -1: not said
};

// How often a request is made again: what may get better (no connection, a cut one, 408, 429, 5xx), a bounded number of
// times, with pauses that grow.
class Patience {
 public:
  explicit Patience(std::chrono::milliseconds pause) : pause_(pause) {}
  // Waits and says true when the request should be made again. `progressed`: this answer brought new bytes.
  bool again(const HttpResponse& response, bool progressed);
  int failures() const { return total_; }

 private:
  std::chrono::milliseconds pause_;
  int in_a_row_ = 0, total_ = 0;
};

// Every method throws Error: kNotFound for 401, 403 and 404, kBadFile for an answer that makes no sense, kIo otherwise.
class HubClient {
 public:
  explicit HubClient(const Settings& settings);
  // The revision's commit and its files. No name among them leaves the repository's folder.
  Listing list(const HubId& id);
  FileFacts facts(const HubId& id, const std::string& commit, const std::string& file);
  // One request, not repeated; redirects followed.
  HttpResponse get(const HubId& id, const std::string& commit, const RemoteFile& file, std::int64_t from,
                   const BodySink& sink);
  [[noreturn]] void fail(const HubId& id, const std::string& file, const HttpResponse& response) const;
  const Settings& settings() const { return settings_; }

 private:
  HttpResponse follow(HttpRequest request, const BodySink& sink);
  HttpResponse patiently(const HttpRequest& request, std::string* body);
  std::string file_url(const HubId& id, const std::string& commit, const std::string& file) const;

  Settings settings_;
  HttpClient http_;
};

// A relative path that stays below its folder: no "..", no ".", no empty part, no backslash, nothing that
// does not print.
bool stays_inside(const std::string& name);

}  // namespace deltascape::hub
