// Tokenizers that variants bring along in their folders, beside the base's.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace deltascape::represent {

// Hash of the files in a model's folder that make a tokenizer; nothing where the folder brings none. Equal hashes are
// equal tokenizers, others may be: what a file says beside the tokens counts too. Of a GGUF its tokenizer's identity.
std::optional<std::string> tokenizer_files(const std::filesystem::path& model);

// Embeddings are of the base's tokens, whatever a variant brings along. This says which variants would read the probes
// as other tokens.
class OwnProbes {
 public:
  // `ids`: the probes' as the base in `base` has them.
  OwnProbes(std::filesystem::path base, std::vector<std::string> probes, std::vector<std::vector<std::int64_t>> ids);
  void look(const std::string& name, const std::filesystem::path& variant);
  // A line for all variants whose tokenizer differs, and one for each tokenizer that cannot be read.
  std::vector<std::string> notes() const;

 private:
  struct Tokenizer {
    bool differs = false;
    std::string error;                // empty where it can be read
    std::vector<std::string> owners;  // names of variants
  };
  Tokenizer compared(const std::filesystem::path& variant) const;

  std::filesystem::path base_;
  std::vector<std::string> probes_;
  std::vector<std::vector<std::int64_t>> ids_;
  std::optional<std::string> of_base_;     // once a variant brings one
  std::map<std::string, Tokenizer> seen_;  // by tokenizer_files()
};

}  // namespace deltascape::represent
