// Owns finding the models below a folder: nested folders, GGUF files, and the layout of the Hugging Face cache.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace deltascape::hub {

struct FoundModels {
  std::vector<std::filesystem::path> models;  // folders and GGUF files, in the order of their names
  std::vector<std::string> problems;          // one line each: what could not be looked into
};

struct FindLimits {
  std::size_t entries = 1'000'000;  // files and folders that are looked at
  int depth = 32;                   // folders below the first
  bool tell_depth = true;           // deeper folders are a problem; else they are left out untold
  bool in_models = false;           // adapters in the folders of a model's folder count too, checkpoints apart
};

// `path` itself when it is a file or a model's folder, else the models below it. A model's folder is not searched, but
// for other adapters on request: PEFT saves the default one there and those with names in folders of theirs.
// Links to folders are followed, each folder once, but that a model is found under every name it has; hidden folders
// are left out. Of a repository in the cache
// (models--ORG--NAME) the snapshot that refs/main names counts, all of them where it names none. Of a GGUF in parts the
// first one stands for all. Where the limits end the search, a problem says so.
FoundModels find_models(const std::filesystem::path& path, const FindLimits& limits = {});

}  // namespace deltascape::hub
