// Owns what a variant is called (docs/design.md §4.3): the last component of its path, or its hub id.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace deltascape::store {

// The last component of an existing path, or a hub id "org/name" without its "@revision"; while `taken` says that
// other content has the name, parent components are added ("pool/law-1"), then a suffix ("law-1-2").
std::string unique_name(const std::string& path_or_id, const std::function<bool(const std::string&)>& taken);

// `name` or the first of name-2, name-3, … that is not taken.
std::string with_suffix(const std::string& name, const std::function<bool(const std::string&)>& taken);

// What was typed as the store keeps it: a path absolute and without "." and "..", a hub id as it is.
std::string stored_path(const std::string& path_or_id);

// The base as people call it: of a path its last component without .gguf, a hub id as it is.
std::string short_base(const std::string& base_name);

}  // namespace deltascape::store
