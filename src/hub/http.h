// Owns one HTTP exchange, through libcurl. It follows no redirect, repeats nothing and knows no hub: client.h does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

namespace deltascape::hub {

struct HttpRequest {
  std::string url;
  bool head = false;
  std::string bearer;           // sent as "Authorization: Bearer"; empty: no such header
  std::int64_t range_from = 0;  // above 0: "Range: bytes=N-"
};

enum class HttpFailure {
  kNone,         // the whole answer came
  kUnreachable,  // no connection to the host
  kCut,          // the connection ended, or stood still, before the answer was whole
  kUntrusted,    // its certificate is not one that this machine trusts for this host
  kOther,        // what does not get better: a malformed answer
};

struct HttpResponse {
  int status = 0;                              // 0: no answer came
  std::map<std::string, std::string> headers;  // of the last answer; names in lower case
  std::string location;                        // where a 3xx points, absolute
  HttpFailure failure = HttpFailure::kNone;
  std::string reason;  // libcurl's words for the failure
  std::string header(const std::string& name) const;
};

// Gets the body of a 2xx answer piece by piece; what it throws comes out of exchange(). Other bodies are skipped.
using BodySink = std::function<void(const HttpResponse& head, std::span<const std::byte> piece)>;

// False when the program was built without libcurl or OpenSSL; HttpClient's constructor throws Error(kUnsupported)
// then.
bool can_download();

// Keeps connections open between exchanges. One thread at a time. Trusts the certificates that libcurl does, or in
// their place those of the first of SSL_CERT_FILE, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE that is set (a file, or a
// folder that c_rehash made), the variables huggingface_hub's clients read. Proxies: libcurl's variables (HTTPS_PROXY,
// NO_PROXY …).
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  HttpResponse exchange(const HttpRequest& request, const BodySink& sink);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "https://host:port" of a URL, port always given, host in lower case; empty for anything that is not http(s) and for a
// URL that names a user.
std::string origin_of(const std::string& url);

}  // namespace deltascape::hub
