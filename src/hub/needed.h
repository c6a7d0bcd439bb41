// Owns which of a repository's files a model needs, and whether a folder has them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::hub {

struct Needed {
  std::vector<std::string> files;
  std::string index;  // one of `files` that names more of them (shards); mostly empty
};

// Of an adapter: its configuration and weights. Of a model: configuration, tokenizer and weights, safetensors before
// torch files. Of a repository with one GGUF file and nothing of these: that file. Throws Error(kNotFound) when there
// is no weights file that this program reads, Error(kUsage) when there are several GGUF files to choose from (parts of
// one are one, and a projector beside a model is none). `inside`: the GGUF file that was chosen; empty: none was.
Needed needed_files(const std::vector<std::string>& files, const std::string& repository,
                    const std::string& inside = "");

// All files of the split GGUF that this one is a part of; else the file alone.
std::vector<std::string> parts_of(const std::string& gguf);

// The shards that an index names, each once. Throws Error(kBadFile) for a name that leaves the folder.
std::vector<std::string> shards_of(const std::filesystem::path& index);

// Whether a file of this name makes its folder a model's: an adapter's configuration, or weights under a model's name.
bool is_model_file(std::string_view name);

// The folder holds weights with their configuration, all shards of them.
bool holds_weights(const std::filesystem::path& snapshot);
// The folder holds some form of a tokenizer.
bool holds_tokenizer(const std::filesystem::path& snapshot);
bool holds_adapter_files(const std::filesystem::path& snapshot);

}  // namespace deltascape::hub
