// Owns typed reads of tokenizer.json's tagged objects ({"type": …}), with errors that name file and field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/json.h"
#include "text/regex.h"

namespace deltascape::text {

// One tagged object and the path to it in messages ("tokenizer.json: normalizer").
class Component {
 public:
  Component(const io::Json& json, std::string where);
  const std::string& type() const { return type_; }
  const std::string& where() const { return where_; }
  const io::Json& json() const { return *json_; }

  bool boolean(std::string_view key) const;                    // required
  bool boolean(std::string_view key, bool when_absent) const;  // absent or null gives the default
  std::string string(std::string_view key) const;
  std::string string(std::string_view key, std::string when_absent) const;
  std::int32_t integer(std::string_view key) const;  // not negative
  const io::Json& array(std::string_view key) const;
  // "pattern": {"String": "…"} or {"Regex": "…"}.
  Regex pattern() const;
  [[noreturn]] void fail(std::string_view key, const std::string& expected) const;
  [[noreturn]] void unsupported(const std::string& what) const;

 private:
  const io::Json* find(std::string_view key) const;
  const io::Json* json_;
  std::string where_;
  std::string type_;
};

}  // namespace deltascape::text
