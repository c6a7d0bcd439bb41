// Records as the npz of docs/formats.md, both ways.
#pragma once

#include "store/store.h"

namespace deltascape::store {

inline constexpr const char* kNpzFormat = "deltascape";  // what probe_info of ours says

// Ours round-trip but for per-probe deltas and standard errors. Of others' files with `embeddings` and
// `model_names`, rows compare only with rows of files that name the same base and probes. The file is read and checked
// here, once.
Records embeddings_of_npz(const std::filesystem::path& file);

// How many records it wrote.
std::size_t write_npz(const Records& each, const std::filesystem::path& out);

}  // namespace deltascape::store
