// Owns turning what a user calls a model (a path, or a hub id "org/name[@revision]") into a local path.
// A hub id is looked up in the Hugging Face cache; nothing is downloaded here (fetch.h does).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace deltascape::hub {

// A hub id taken apart. `repository` is "org/name", or "name" for the few old repositories without an owner.
struct HubId {
  std::string repository;
  std::string revision;  // branch, tag, "refs/pr/N" or commit; empty: main
  std::string inside{};  // file or folder that an address names in the repository; empty: the model it holds
};
// "org/name[@revision]", with slashes at its end or without, or the address of its page: huggingface.co, hf.co or the
// host of HF_ENDPOINT, with /tree/REVISION, /blob/REVISION/FILE or /resolve/… behind the name; or org/name/FILE.gguf. A
// file at the top that is no GGUF stands for the repository. Empty when the text cannot be one (other characters than
// the hub allows, more than one '/', a data set).
std::optional<HubId> parse_hub_id(const std::string& text);

// An address on the web or of the hub, whatever it names.
bool is_address(const std::string& text);

// An address as "org/name[@revision]"; anything else, and an address of a file that matters, as it is.
std::string short_form(const std::string& text);

// A commit's 40 hexadecimal digits.
bool is_commit(std::string_view text);

struct Resolved {
  std::filesystem::path path;  // as given for an existing path (model_of); the snapshot's folder for a hub id
  std::string repository;      // "org/name", empty for a path
  std::string commit;          // folder name of the snapshot, empty for a path
  std::string note;            // something the user should know, one line; mostly empty
};

// An existing path wins over a hub id. Error(kNotFound) says what was looked for, where, and what to do;
// Error(kBadFile) for a cache whose refs make no sense.
Resolved resolve(const std::string& model);

// The same for a hub id in the cache at `root`. `remedy` closes the message when it is not there.
Resolved find_cached(const HubId& id, const std::filesystem::path& root, const std::string& remedy);

// A file inside a model's folder (weights, configuration) stands for the folder; a GGUF is a model of its own.
std::filesystem::path model_of(const std::filesystem::path& path);

// The commit that refs/REVISION names, if that file is there. Throws Error(kBadFile) when it holds no commit.
std::optional<std::string> read_ref(const std::filesystem::path& ref);

// What an address names inside the repository, in its snapshot; Error(kNotFound) with `remedy` where it is not there.
// Error(kUnsupported) for what is no GGUF file.
std::filesystem::path inside_of(const std::filesystem::path& snapshot, const HubId& id, const std::string& remedy);

// There is something under that path (a link that goes nowhere or in a circle is nothing).
bool exists_here(const std::string& path);

}  // namespace deltascape::hub
