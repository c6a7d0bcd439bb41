// Owns what every tokenizer model has in common: one piece of text -> ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/hash.h"
#include "text/vocabulary.h"

namespace deltascape::text {

// Immutable and thread-safe once it is built.
class Model {
 public:
  virtual ~Model() = default;
  // Appends the ids of `piece` (well-formed UTF-8).
  virtual void encode(std::string_view piece, std::vector<std::int32_t>& out) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  // How many ids it has; more than the vocabulary has tokens where a piece is there twice.
  virtual std::size_t size() const { return vocabulary().size(); }
  // Adds the kind of model and all that decides ids.
  virtual void hash_into(Hasher& hasher) const = 0;
};

}  // namespace deltascape::text
