// Owns records as the npz of docs/formats.md, both ways.
#pragma once

#include "store/store.h"

namespace deltascape::store {

// Ours round-trip but for per-probe deltas and standard errors. Of others' files with `embeddings` and
// `model_names`, rows compare only with rows of files that name the same base and probes.
std::vector<Record> read_embeddings_npz(const std::filesystem::path& file);

}  // namespace deltascape::store
