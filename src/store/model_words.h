// Words that stand for models, one by one, before labels and shards (include/deltascape/models.h).
#pragma once

#include <string>
#include <vector>

#include "deltascape/models.h"

namespace deltascape::store {

struct WordOptions {
  bool recursive = false;  // models deeper than in the folders of a folder
};

// As expand_models().
Expansion expand_words(const std::vector<std::string>& words, StoreAtHand& store, const WordOptions& options);

}  // namespace deltascape::store
