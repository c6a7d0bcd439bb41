// Which spaces of a store an embedding made now would lie in.
#pragma once

#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/store.h"

namespace deltascape {

// Of these spaces those that embed() with these options would measure in: of its base, probes and tokenizer, each with
// its own representation, layer and position. options.layer empty: of any layer; else of this one, or of all layers.
// Opens the base. Throws as embed() does.
std::vector<store::StoredSpace> spaces_of(const EmbedOptions& options, const std::vector<store::StoredSpace>& spaces);

// The options with representation, layer and position of the space.
EmbedOptions embedding_in(const store::Space& space, EmbedOptions options);

}  // namespace deltascape
