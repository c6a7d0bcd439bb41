// Owns reading the environment's HF_* variables.
#include "hub/environment.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "core/text.h"
#include "deltascape/error.h"
#include "hub/http.h"
#include "io/file.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTokenFile = 4096;

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

bool is_true(std::optional<std::string> value) {
  if (!value) return false;
  for (char& c : *value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return *value == "1" || *value == "ON" || *value == "YES" || *value == "TRUE";
}

fs::path expand_home(const std::string& path) {
  if (path == "~" || path.starts_with("~/")) return environment("HOME").value_or("/") + path.substr(1);
  return path;
}

fs::path home() {
  if (const auto home = environment("HF_HOME")) return expand_home(*home);
  if (const auto xdg = environment("XDG_CACHE_HOME")) return expand_home(*xdg) / "huggingface";
  return expand_home("~/.cache") / "huggingface";
}

// HF_TOKEN > the file HF_TOKEN_PATH > $HF_HOME/token.
std::string read_token() {
  if (is_true(environment("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return "";
  std::string where = "HF_TOKEN", token;
  if (const auto value = environment("HF_TOKEN")) token = trimmed(*value);
  if (token.empty()) {
    const auto named = environment("HF_TOKEN_PATH");
    const fs::path file = named ? expand_home(*named) : home() / "token";
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) return "";
    where = file.string();
    token = trimmed(io::read_text(file, kMaxTokenFile));
  }
  // A line break in it would be a header of its own.
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; }))
    throw Error(ErrorCode::kUsage, "not a token: it holds blanks or control characters", {.field = where});
  return token;
}

std::string read_endpoint(std::string endpoint) {
  const auto fail = [&](const char* expected) {
    throw Error(ErrorCode::kUsage, "not the address of a hub",
                {.field = "HF_ENDPOINT", .expected = expected, .found = endpoint});
  };
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (origin_of(endpoint).empty()) fail("https://HOST or http://HOST");
  const auto fits = [](char c) { return c > ' ' && c < 0x7F && c != '?' && c != '#' && c != '\\'; };
  if (!std::all_of(endpoint.begin(), endpoint.end(), fits)) fail("a URL without a query or blanks");
  return endpoint;
}

}  // namespace

fs::path cache_root() {
  if (const auto cache = environment("HF_HUB_CACHE")) return expand_home(*cache);
  return home() / "hub";
}

std::string endpoint_or_empty() {
  std::string endpoint = environment("HF_ENDPOINT").value_or("");
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return endpoint;
}

Settings settings_from_environment() {
  Settings out;
  out.cache = cache_root();
  const auto offline = environment("HF_HUB_OFFLINE");
  out.offline = is_true(offline ? offline : environment("TRANSFORMERS_OFFLINE"));
  if (out.offline) return out;  // neither token nor endpoint will be used
  if (const auto endpoint = environment("HF_ENDPOINT")) out.endpoint = read_endpoint(*endpoint);
  out.token = read_token();
  return out;
}

}  // namespace deltascape::hub
