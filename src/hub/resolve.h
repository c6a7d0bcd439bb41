// Owns turning what a user calls a model (a path, or a hub id "org/name[@revision]") into a local path.
// A hub id is looked up in the Hugging Face cache; nothing is downloaded here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace deltascape::hub {

// A hub id taken apart. `repository` is "org/name", or "name" for the few old repositories without an owner.
struct HubId {
  std::string repository;
  std::string revision;  // branch, tag, "refs/pr/N" or commit; empty: main
};
// Empty when the text cannot be a hub id (other characters than the hub allows, more than one '/').
std::optional<HubId> parse_hub_id(const std::string& text);

struct Resolved {
  std::filesystem::path path;  // as given for an existing path; the snapshot's folder for a hub id
  std::string repository;      // "org/name", empty for a path
  std::string commit;          // folder name of the snapshot, empty for a path
  std::string note;            // something the user should know, one line; mostly empty
};

// An existing path wins over a hub id. Error(kNotFound) says what was looked for, where, and what to do;
// Error(kBadFile) for a cache whose refs make no sense.
Resolved resolve(const std::string& model);

// HF_HUB_CACHE > $HF_HOME/hub > $XDG_CACHE_HOME/huggingface/hub > ~/.cache/huggingface/hub; "~" is expanded.
std::filesystem::path cache_root();

}  // namespace deltascape::hub
