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

// A folder without config.json that holds one GGUF file stands for that file; anything else is itself. Throws
// Error(kUsage) where there are more.
std::filesystem::path single_gguf(const std::filesystem::path& path);

// ggml's number for a type.
std::uint32_t ggml_type(DType dtype);

}  // namespace deltascape::io
