// Owns what an answer that is no file means, in one line that says what to do.
#include "deltascape/error.h"
#include "hub/client.h"

namespace deltascape::hub {

void HubClient::fail(const HubId& id, const std::string& file, const HttpResponse& r) const {
  const ErrorContext where{.path = id.repository, .field = file};
  const auto found = [&] {
    const std::string words = r.header("x-error-message");
    return "HTTP " + std::to_string(r.status) + (words.empty() ? "" : ": " + words);
  };
  const std::string origin = origin_of(settings_.endpoint);
  if (r.failure == HttpFailure::kUnreachable)
    throw Error(ErrorCode::kIo, "the hub " + origin + " cannot be reached", {where.path, file, "", r.reason});
  if (r.failure == HttpFailure::kCut)
    throw Error(ErrorCode::kIo, "the connection to the hub was cut again and again", {where.path, file, "", r.reason});
  if (r.failure == HttpFailure::kUntrusted)
    throw Error(ErrorCode::kIo,
                "its certificate is not trusted here: name your network's certificates in SSL_CERT_FILE",
                {where.path, file, "", r.reason});
  if (r.failure != HttpFailure::kNone)
    throw Error(ErrorCode::kIo, "the download failed", {where.path, file, "", r.reason});

  const std::string code = r.header("x-error-code");
  if (code == "GatedRepo")
    throw Error(ErrorCode::kNotFound,
                "its owner asks for consent: accept the terms at " + origin + "/" + id.repository +
                    (settings_.token.empty() ? " and set HF_TOKEN" : " with the token's account"),
                {where.path, file, "", found()});
  if (r.status == 401 || r.status == 403)
    throw Error(ErrorCode::kNotFound,
                settings_.token.empty()
                    ? "there is no such repository, or it is private: set HF_TOKEN to a token that may read it"
                    : "the token does not open this repository: set HF_TOKEN to one that may read it",
                {where.path, file, "", found()});
  if (r.status == 404) {
    const std::string revision = id.revision.empty() ? "main" : id.revision;
    if (code == "EntryNotFound" || (!file.empty() && code.empty()))
      throw Error(ErrorCode::kNotFound, "the hub does not have this file", {where.path, file, "", found()});
    if (code == "RevisionNotFound")
      throw Error(ErrorCode::kNotFound, "the repository has no revision '" + revision + "'",
                  {where.path, file, "", found()});
    throw Error(ErrorCode::kNotFound, "the hub " + origin + " has no such repository (nor is it a path here)",
                {where.path, file, "", found()});
  }
  if (r.status == 429)
    throw Error(ErrorCode::kIo, "the hub asks to wait: try again later, or set HF_TOKEN for a higher limit",
                {where.path, file, "", found()});
  throw Error(ErrorCode::kIo, "the hub refused this request", {where.path, file, "a file or a redirect", found()});
}

}  // namespace deltascape::hub
