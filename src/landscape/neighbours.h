// Owns the list of the variants nearest to one of them.
#pragma once

#include "landscape/similarity.h"

namespace deltascape::landscape {

struct Neighbour {
  std::string name, label;
  std::optional<double> cosine, low, high;  // as in Similarity
};

// The k records nearest to `name` (exact), nearest first, itself left out; k = 0 means all. Records without effect
// come last with an empty cosine. Error(kNotFound) when no record has the name; Error(kMismatch) when the records
// are not comparable.
std::vector<Neighbour> near(const std::vector<store::Record>& records, const std::string& name, std::size_t k,
                            Row row = {});
// The same for a record that is not among them; one of its own content is left out.
std::vector<Neighbour> near(const std::vector<store::Record>& records, const store::Record& query, std::size_t k,
                            Row row = {});

}  // namespace deltascape::landscape
