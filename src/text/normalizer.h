// Owns the "normalizer" of tokenizer.json: text -> text before pre-tokenisation.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "io/json.h"

namespace deltascape::text {

// Immutable and thread-safe.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual std::string apply(std::string text) const = 0;  // well-formed UTF-8 in and out
};

// `json` is the object, or null for none (the result is then null). `where` names the file. Throws
// Error(kUnsupported) with the name of a kind that is not there.
std::unique_ptr<Normalizer> make_normalizer(const io::Json& json, const std::string& where);

}  // namespace deltascape::text
