// The variants nearest to one (docs/design.md §4.4 `near`).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/similarity.h"
#include "deltascape/store.h"

namespace deltascape {
namespace landscape {

struct Neighbour {
  std::string name, label;
  std::optional<double> cosine, low, high;  // as in Similarity
  std::string base;                         // Space::base_name of its measurement
};

// The k records nearest to `name` (exact), nearest first, itself left out; k = 0 means all. Records without effect
// come last with an empty cosine. Error(kNotFound) when no record has the name; Error(kMismatch) when the records
// are not comparable.
std::vector<Neighbour> near(const std::vector<store::Record>& records, const std::string& name, std::size_t k,
                            Row row = {});
// The same for a record that is not among them; one of its own content is left out.
std::vector<Neighbour> near(const std::vector<store::Record>& records, const store::Record& query, std::size_t k,
                            Row row = {});

}  // namespace landscape

struct NearOptions {
  // A stored variant, as Store::resolve() takes it. With embedding.base: a path or a hub id, which is embedded as the
  // store's variants were, and not stored.
  std::string model;
  std::size_t k = 5;                    // 0: all
  std::vector<std::string> where = {};  // of the variants that are searched, as Query's
  store::SpaceChoice choice = {};       // where several spaces are left
  // Leave out the variants of the model's own base (Space::base_name), in a space that several bases share.
  bool other_base = false;
  // base, probes_file, continuations_file, encoder, device, memory and threads count
  EmbedOptions embedding = {};
};

// With error bars where the deltas by probe are kept. Error(kNotFound) without a variant to compare with, kMismatch
// where several spaces are left, and what embed() throws.
std::vector<landscape::Neighbour> near(const store::Store& store, const NearOptions& options,
                                       Progress& progress = silent_progress());

}  // namespace deltascape
