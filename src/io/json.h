// Owns reading JSON from files that may be hostile: size, nesting depth and types checked, errors name file and field.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deltascape::io {

using Json = nlohmann::json;

// Throws Error(kBadFile) with the byte position on a syntax error, duplicate keys, nesting deeper than 64, a file
// larger than max_bytes (64 MiB unless told), or a document that takes far more memory than that.
Json read_json(const std::filesystem::path& file, std::size_t max_bytes = std::size_t{64} << 20);
Json parse_json(std::string_view text, const std::filesystem::path& name_in_messages);

// A JSON object with its file's name, for typed reads. null counts as absent.
class JsonFields {
 public:
  JsonFields(const Json& object, std::filesystem::path file, std::string prefix = "");
  bool has(std::string_view key) const;
  const Json* find(std::string_view key) const;  // null when absent or JSON null
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;
  std::int64_t required_integer(std::string_view key) const;
  // A nested object; absent gives nullopt, another type an error.
  std::optional<JsonFields> object(std::string_view key) const;
  // Error(kBadFile) naming the first key that is none of these.
  void require_known(const std::vector<std::string>& names) const;
  [[noreturn]] void fail(std::string_view key, const std::string& expected) const;
  const Json& json() const { return *object_; }
  const std::filesystem::path& file() const { return file_; }
  const std::string& prefix() const { return prefix_; }  // what stands before a field's name in messages

 private:
  const Json* object_;
  std::filesystem::path file_;
  std::string prefix_;
};

}  // namespace deltascape::io
