// Owns requests to the hub: redirects, the token, repetitions.
#include "hub/client.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <thread>

#include "deltascape/error.h"
#include "io/json.h"

namespace deltascape::hub {
namespace {

constexpr int kMaxRedirects = 10;
constexpr int kMaxInARow = 5;       // failures without a new byte between them
constexpr int kMaxUnreachable = 2;  // connections refused or names unknown: mostly there is no network
constexpr int kMaxFailures = 100;   // of one file altogether
constexpr auto kLongestPause = std::chrono::seconds(60);
constexpr std::size_t kMaxListing = std::size_t{64} << 20;
constexpr std::size_t kMaxFiles = 1 << 18;
constexpr std::size_t kMaxEtag = 128;

bool may_get_better(const HttpResponse& r) {
  if (r.failure == HttpFailure::kCut || r.failure == HttpFailure::kUnreachable) return true;
  if (r.failure != HttpFailure::kNone) return false;
  return r.status == 408 || r.status == 429 || r.status == 500 || (r.status >= 502 && r.status <= 504);
}

std::int64_t integer(const std::string& text) {
  std::int64_t value = -1;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() && value >= 0 ? value : -1;
}

std::string percent_encoded(const std::string& text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && keep_slashes)) {
      out += c;
    } else {
      out += '%';
      out += "0123456789ABCDEF"[byte >> 4];
      out += "0123456789ABCDEF"[byte & 15];
    }
  }
  return out;
}

// W/"abc" -> abc.
std::string bare_etag(std::string etag) {
  if (etag.starts_with("W/")) etag.erase(0, 2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') etag = etag.substr(1, etag.size() - 2);
  return etag;
}

bool is_etag(const std::string& etag) {
  return !etag.empty() && etag.size() <= kMaxEtag && etag.front() != '.' &&
         std::all_of(etag.begin(), etag.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
}

}  // namespace

bool stays_inside(const std::string& name) {
  if (name.empty() || name.size() > 1024) return false;
  if (std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F || c == '\\'; }))
    return false;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string part = name.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return false;
    start = end + 1;
  }
  return true;
}

const RemoteFile* Listing::find(const std::string& name) const {
  const auto found = std::find_if(files.begin(), files.end(), [&](const RemoteFile& f) { return f.name == name; });
  return found == files.end() ? nullptr : &*found;
}

bool Patience::again(const HttpResponse& response, bool progressed) {
  if (!may_get_better(response)) return false;
  in_a_row_ = progressed ? 1 : in_a_row_ + 1;
  ++total_;
  const int limit = response.failure == HttpFailure::kUnreachable ? kMaxUnreachable : kMaxInARow;
  if (in_a_row_ >= limit || total_ >= kMaxFailures) return false;
  std::chrono::milliseconds wait = pause_ * (1 << (in_a_row_ - 1));
  if (const std::int64_t asked = integer(response.header("retry-after")); asked >= 0)
    wait = std::max(wait, std::chrono::milliseconds(std::min<std::int64_t>(asked, kLongestPause.count()) * 1000));
  std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(wait, kLongestPause));
  return true;
}

HubClient::HubClient(const Settings& settings) : settings_(settings) {}

// The token goes to the endpoint's own scheme, host and port, at the first request and after every redirect anew.
HttpResponse HubClient::follow(HttpRequest request, const BodySink& sink) {
  const std::string home = origin_of(settings_.endpoint);
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    const std::string here = origin_of(request.url);
    request.bearer = here == home ? settings_.token : "";
    HttpResponse response = http_.exchange(request, sink);
    const bool redirect = response.failure == HttpFailure::kNone && response.status / 100 == 3;
    if (!redirect) return response;
    const std::string there = origin_of(response.location);
    // The hub says what it knows about a file where it points away, to the file's storage.
    if (request.head && there != home && !response.header("x-linked-etag").empty()) return response;
    if (there.empty() || (here.starts_with("https:") && !there.starts_with("https:")))
      throw Error(ErrorCode::kBadFile, "the hub redirects to an address that is not followed",
                  {.path = here,
                   .expected = here.starts_with("https:") ? "https://HOST" : "http(s)://HOST",
                   .found = there.empty() ? response.header("location").substr(0, 60) : there});
    request.url = response.location;
  }
  throw Error(ErrorCode::kBadFile, "the hub redirects more than " + std::to_string(kMaxRedirects) + " times",
              {.path = home});
}

HttpResponse HubClient::patiently(const HttpRequest& request, std::string* body) {
  Patience patience(settings_.pause);
  while (true) {
    if (body != nullptr) body->clear();
    const HttpResponse response = follow(request, [&](const HttpResponse&, std::span<const std::byte> piece) {
      if (body == nullptr) return;
      if (body->size() + piece.size() > kMaxListing)
        throw Error(ErrorCode::kBadFile, "the hub's listing is too large",
                    {.path = origin_of(settings_.endpoint), .expected = "at most 64 MiB"});
      body->append(reinterpret_cast<const char*>(piece.data()), piece.size());
    });
    if (!patience.again(response, false)) return response;
  }
}

std::string HubClient::file_url(const HubId& id, const std::string& commit, const std::string& file) const {
  return settings_.endpoint + "/" + id.repository + "/resolve/" + commit + "/" + percent_encoded(file, true);
}

Listing HubClient::list(const HubId& id) {
  const std::string revision = id.revision.empty() ? "main" : id.revision;
  std::string body;
  const HttpResponse response = patiently({.url = settings_.endpoint + "/api/models/" + id.repository + "/revision/" +
                                                  percent_encoded(revision, false) + "?blobs=true"},
                                          &body);
  if (response.status != 200 || response.failure != HttpFailure::kNone) fail(id, "", response);

  const std::filesystem::path name = settings_.endpoint + "/api/models/" + id.repository;
  const io::Json document = io::parse_json(body, name);
  const io::JsonFields fields(document, name);
  Listing out;
  out.commit = fields.string("sha").value_or("");
  if (!is_commit(out.commit)) fields.fail("sha", "40 hexadecimal digits");
  const io::Json* siblings = fields.find("siblings");
  if (siblings == nullptr || !siblings->is_array() || siblings->size() > kMaxFiles)
    fields.fail("siblings", "a list of at most " + std::to_string(kMaxFiles) + " files");
  for (const io::Json& entry : *siblings) {
    const io::JsonFields file(entry, name, "siblings");
    RemoteFile one{.name = file.string("rfilename").value_or(""), .size = file.integer("size").value_or(-1)};
    if (!stays_inside(one.name))
      throw Error(ErrorCode::kBadFile, "the hub lists a file name that leaves its folder",
                  {.path = id.repository,
                   .field = "siblings.rfilename",
                   .expected = "a path inside the repository",
                   .found = one.name});
    if (const auto lfs = file.object("lfs")) one.sha256 = lfs->string("sha256").value_or("");
    out.files.push_back(std::move(one));
  }
  return out;
}

FileFacts HubClient::facts(const HubId& id, const std::string& commit, const std::string& file) {
  const HttpResponse r = patiently({.url = file_url(id, commit, file), .head = true}, nullptr);
  const bool linked = !r.header("x-linked-etag").empty();
  if (r.failure != HttpFailure::kNone || (r.status / 100 != 2 && !linked)) fail(id, file, r);
  if (const std::string named = r.header("x-repo-commit"); !named.empty() && named != commit)
    throw Error(ErrorCode::kBadFile, "the hub answers for another commit than the one asked for",
                {.path = id.repository, .field = file, .expected = commit, .found = named});
  FileFacts out{.etag = bare_etag(linked ? r.header("x-linked-etag") : r.header("etag"))};
  if (!is_etag(out.etag))
    throw Error(ErrorCode::kBadFile, "the hub gives no usable ETag for this file (is HF_ENDPOINT a hub?)",
                {.path = id.repository, .field = file, .expected = "letters and digits", .found = out.etag});
  out.size = integer(r.header("x-linked-size"));
  if (out.size < 0 && r.status / 100 == 2 && r.header("content-encoding").empty())
    out.size = integer(r.header("content-length"));
  return out;
}

HttpResponse HubClient::get(const HubId& id, const std::string& commit, const RemoteFile& file, std::int64_t from,
                            const BodySink& sink) {
  return follow({.url = file_url(id, commit, file.name), .range_from = from}, sink);
}

}  // namespace deltascape::hub
