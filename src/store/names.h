// Owns what a variant is called (DESIGN §4): the last component of its path, or its hub id.
#pragma once

#include <functional>
#include <string>

namespace deltascape::store {

// The last component of an existing path, or a hub id "org/name" without its "@revision"; while `taken` says that
// other content has the name, parent components are added ("pool/law-1"), then a suffix ("law-1-2").
std::string unique_name(const std::string& path_or_id, const std::function<bool(const std::string&)>& taken);

// `name` or the first of name-2, name-3, … that is not taken.
std::string with_suffix(const std::string& name, const std::function<bool(const std::string&)>& taken);

}  // namespace deltascape::store
