#include "deltascape/spaces_of.h"

#include <optional>

#include "deltascape/error.h"
#include "represent/representation.h"

namespace deltascape {
namespace {

// Empty where the base has no such layer, or where what the space was made with beside the base is not there: then the
// space is not the options'.
std::optional<store::Space> space_of(const EmbedOptions& options) {
  try {
    return provenance(options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUsage && error.context().field != option("encoder")) throw;
    return std::nullopt;
  }
}

}  // namespace

EmbedOptions embedding_in(const store::Space& space, EmbedOptions options) {
  options.representation = represent::spelled(space);
  if (const std::string& layer = space.parameter("layer"); !layer.empty()) options.layer = layer;
  if (const std::string& position = space.parameter("position"); !position.empty()) options.position = position;
  return options;
}

std::vector<store::StoredSpace> spaces_of(const EmbedOptions& options, const std::vector<store::StoredSpace>& spaces) {
  std::vector<store::StoredSpace> alone, all;
  std::optional<store::Space> known;  // base, tokenizer and probes are those of every layer and position
  for (const store::StoredSpace& stored : spaces) {
    const bool of_a_base = !stored.space.base.empty();
    if (known && of_a_base &&
        (stored.space.base != known->base || stored.space.tokenizer != known->tokenizer ||
         stored.space.parameter("probes") != known->parameter("probes")))
      continue;
    EmbedOptions one = embedding_in(stored.space, options);
    if (stored.layers == 1 && !options.layer.empty()) one.layer = options.layer;
    const std::optional<store::Space> own = space_of(one);
    if (own && of_a_base) known = own;
    if (own && own->hash() == stored.hash) (stored.layers == 1 ? alone : all).push_back(stored);
  }
  if (!options.layer.empty()) return alone.empty() ? all : alone;
  alone.insert(alone.end(), all.begin(), all.end());
  return alone;
}

}  // namespace deltascape
