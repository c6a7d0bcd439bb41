// Owns what the environment says about the hub: the variables of the `hf` tool, with their meaning there.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace deltascape::hub {

struct Settings {
  std::string endpoint = "https://huggingface.co";  // HF_ENDPOINT, without a slash at its end
  std::string token;                                // empty: none is sent
  bool offline = false;                             // HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE: nothing is asked
  std::filesystem::path cache;                      // cache_root()
  std::chrono::milliseconds pause{1000};            // before the first repetition of a request; it doubles
};
// Throws Error(kUsage) for an endpoint that is no http(s) URL and for a token that cannot be one.
Settings settings_from_environment();

// HF_ENDPOINT as it is set, without slashes at its end; empty where it is not.
std::string endpoint_or_empty();

// HF_HUB_CACHE > $HF_HOME/hub > $XDG_CACHE_HOME/huggingface/hub > ~/.cache/huggingface/hub; "~" is expanded.
std::filesystem::path cache_root();

}  // namespace deltascape::hub
