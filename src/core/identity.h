// Content hashes that outlive releases: of named parts, whatever the order in which files, tables or enumerations have
// them.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace deltascape {

class Identity {
 public:
  // What is identified: other kinds with the same parts have other identities.
  explicit Identity(std::string_view kind) : kind_(kind) {}
  // A part by its canonical name, which names no other part, and what it holds (Hasher::hex(), or the value as text).
  void add(std::string name, std::string content);
  // "v2-" and 32 hex digits. The number is that of the rules by which parts are named and hashed: what earlier rules
  // gave (32 digits alone, or a lower number) says nothing about what these give.
  std::string text() const;
  // Whether `text` was given by the rules of today.
  static bool is_current(std::string_view text);

 private:
  std::string kind_;
  std::map<std::string, std::string> parts_;
};

}  // namespace deltascape
