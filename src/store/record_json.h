// Owns the names of a record's fields in JSON: the JSON export and the npz's probe_info share them.
#pragma once

#include <nlohmann/json.hpp>

#include "deltascape/record.h"

namespace deltascape::store {

// Its parameters stand beside base, base_name, tokenizer and representation.
nlohmann::json space_json(const Space& space);
// What is known of one record beside its numbers per dimension and what it shares with its neighbours; null for a
// number that is not known.
nlohmann::json facts_json(const Record& record);

// Missing or differently typed fields keep what `out` has: an npz may come from an older version.
void read_space(const nlohmann::json& json, Space& out);
void read_facts(const nlohmann::json& json, Record& out);

}  // namespace deltascape::store
