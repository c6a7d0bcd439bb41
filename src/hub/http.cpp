// Owns the calls of libcurl.
#include "hub/http.h"

#include <algorithm>
#include <cctype>
#include <exception>
#include <mutex>
#include <string_view>

#include "core/text.h"
#include "deltascape/error.h"

#ifdef DELTASCAPE_DOWNLOADS
#include <curl/curl.h>

#include <cstdlib>
#include <filesystem>
#endif

namespace deltascape::hub {

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string origin_of(const std::string& url) {
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://")) return "";
  const std::size_t start = tls ? 8 : 7;
  std::string host = url.substr(start, std::min(url.find_first_of("/?#", start), url.size()) - start);
  // No user, no backslash: two readers of such a URL may take two hosts from it.
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view(".-_:[]").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (host.empty() || !std::all_of(host.begin(), host.end(), fits)) return "";
  for (char& c : host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != host.npos && host.find(']', colon) == host.npos;
  return url.substr(0, start) + host + (has_port ? "" : tls ? ":443" : ":80");
}

#ifndef DELTASCAPE_DOWNLOADS

struct HttpClient::State {};
bool can_download() { return false; }
HttpClient::HttpClient() {
  throw Error(ErrorCode::kUnsupported, "this program was built without libcurl or OpenSSL and cannot download");
}
HttpClient::~HttpClient() = default;
HttpResponse HttpClient::exchange(const HttpRequest&, const BodySink&) { return {}; }

#else

namespace {

constexpr long kConnectSeconds = 10;
constexpr long kStandstillSeconds = 30;
constexpr std::size_t kMaxHeaders = 200;

// One exchange under way, as libcurl's callbacks see it.
struct Exchange {
  CURL* curl;
  const BodySink* sink;
  HttpResponse response;
  std::exception_ptr thrown;
};

extern "C" std::size_t take_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  try {
    const std::string_view line(data, size);
    auto& headers = exchange.response.headers;
    if (line.starts_with("HTTP/")) headers.clear();  // an interim answer came before this one
    const std::size_t colon = line.find(':');
    if (colon == line.npos || headers.size() >= kMaxHeaders) return size;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    headers[name] = trimmed(line.substr(colon + 1));
    return size;
  } catch (...) {
    exchange.thrown = std::current_exception();
    return 0;
  }
}

extern "C" std::size_t take_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  try {
    long status = 0;
    curl_easy_getinfo(exchange.curl, CURLINFO_RESPONSE_CODE, &status);
    exchange.response.status = static_cast<int>(status);
    if (status / 100 == 2) (*exchange.sink)(exchange.response, std::as_bytes(std::span(data, size)));
    return size;
  } catch (...) {
    exchange.thrown = std::current_exception();
    return 0;
  }
}

HttpFailure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_OK: return HttpFailure::kNone;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return HttpFailure::kUnreachable;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return HttpFailure::kCut;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return HttpFailure::kUntrusted;
    default: return HttpFailure::kOther;
  }
}

void set_trust(CURL* curl) {
  for (const char* variable : {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
    const char* trusted = std::getenv(variable);
    if (trusted == nullptr || *trusted == '\0') continue;
    std::error_code ignored;
    const bool folder = std::filesystem::is_directory(trusted, ignored);
    curl_easy_setopt(curl, folder ? CURLOPT_CAPATH : CURLOPT_CAINFO, trusted);
    if (folder) curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr);
    return;
  }
}

}  // namespace

struct HttpClient::State {
  CURL* curl = nullptr;
  char words[CURL_ERROR_SIZE] = {};
};

bool can_download() { return true; }

HttpClient::HttpClient() : state_(std::make_unique<State>()) {
  static std::once_flag started;
  std::call_once(started, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  state_->curl = curl_easy_init();
  if (state_->curl == nullptr) throw Error(ErrorCode::kIo, "libcurl does not start");
}

HttpClient::~HttpClient() {
  if (state_ != nullptr && state_->curl != nullptr) curl_easy_cleanup(state_->curl);
}

HttpResponse HttpClient::exchange(const HttpRequest& request, const BodySink& sink) {
  CURL* curl = state_->curl;
  Exchange exchange{.curl = curl, .sink = &sink, .response = {}, .thrown = nullptr};
  curl_easy_reset(curl);  // keeps connections
  state_->words[0] = '\0';
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, curl_slist_free_all);
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    if (headers == nullptr) headers.reset(longer);
  };
  add("Accept-Encoding: identity");  // sizes and ranges mean the file's own bytes
  if (!request.bearer.empty()) add("Authorization: Bearer " + request.bearer);
  const std::string range = std::to_string(request.range_from) + "-";
  if (request.range_from > 0) curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "deltascape/" DELTASCAPE_VERSION);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStandstillSeconds);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, state_->words);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  set_trust(curl);

  const CURLcode code = curl_easy_perform(curl);
  if (exchange.thrown) std::rethrow_exception(exchange.thrown);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  char* location = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
  if (location != nullptr) exchange.response.location = location;
  exchange.response.failure = failure_of(code);
  if (code != CURLE_OK) exchange.response.reason = state_->words[0] != '\0' ? state_->words : curl_easy_strerror(code);
  return std::move(exchange.response);
}

#endif

}  // namespace deltascape::hub
