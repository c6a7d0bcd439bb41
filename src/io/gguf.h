// Owns GGUF v2/v3 (ggml docs/gguf.md): typed metadata and tensors, validated, memory-mapped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <variant>

#include "io/tensor_file.h"

namespace deltascape::io {

// Integers of every width widen to int64 (u64 beyond int64 is an error), floats to double.
using GgufScalar = std::variant<bool, std::int64_t, double, std::string>;
struct GgufValue {
  // A scalar, or an array of one kind.
  std::variant<bool, std::int64_t, double, std::string, std::vector<bool>, std::vector<std::int64_t>,
               std::vector<double>, std::vector<std::string>>
      value;
};

class GgufFile : public TensorFile {
 public:
  // Any part of a split file ("model-00002-of-00003.gguf") opens them all, which must lie beside it: the metadata are
  // those of the first.
  static std::unique_ptr<GgufFile> open(const std::filesystem::path& file);
  virtual const std::map<std::string, GgufValue, std::less<>>& metadata() const = 0;

  // Typed reads: empty when the key is absent, Error(kBadFile) when it has another type.
  std::optional<std::string> string(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;  // integers convert
  std::optional<bool> boolean(std::string_view key) const;
  const std::vector<std::string>* strings(std::string_view key) const;
  const std::vector<std::int64_t>* integers(std::string_view key) const;
  const std::vector<double>* reals(std::string_view key) const;
};

// A file with that ending in any case, or one that begins as GGUF does (Ollama's blobs have no ending).
bool is_gguf(const std::filesystem::path& path);

// A folder without config.json that holds one GGUF model stands for it: the first part of a split one; a projector
// (mmproj) beside a model is none. Anything else is itself. Throws Error(kUsage) where there are more.
std::filesystem::path single_gguf(const std::filesystem::path& path);

// What a file's name says. "model-00002-of-00003.gguf" is part 2 of 3.
bool ends_in_gguf(std::string_view name);
struct GgufPart {
  std::string stem, ending;  // "model", ".gguf"
  int number = 0, count = 0;
  std::string name_of(int other) const;
};
std::optional<GgufPart> gguf_part(std::string_view name);
// Of names that end in .gguf (others are dropped): sorted, of a split model its first part that is there, without the
// projectors that stand beside models.
std::vector<std::string> gguf_models(const std::vector<std::string>& names);

// ggml's number for a type.
std::uint32_t ggml_type(DType dtype);

}  // namespace deltascape::io
