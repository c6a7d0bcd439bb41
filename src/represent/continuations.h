// What the probes may be followed by: texts of a file, or sampled from a base and kept (docs/design.md §5.6).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "represent/whole_models.h"

namespace deltascape::represent {

struct Continuation {
  std::size_t probe = 0;  // which of the base's probes it follows, from 0
  std::string text;       // not empty
};

// JSONL of {"probe": i, "text": …}. Throws Error naming file and line; a file without a text is an error.
std::vector<Continuation> read_continuations(const std::filesystem::path& file, std::size_t probes);
// The same file, there as a whole or not at all.
void write_continuations(const std::filesystem::path& file, const std::vector<Continuation>& continuations);

// Where a base's samples are kept: below $XDG_CACHE_HOME or ~/.cache; empty where the environment names neither.
std::filesystem::path kept_continuations(const Base& base);

// `each` a probe of at most 64 tokens, at temperature 1, by random numbers of seed 0: a function of the base and its
// probes alone. A text that is empty is drawn again, and left out when that does not help.
std::vector<Continuation> sample_continuations(const Base& base, WholeModels& models, std::size_t each,
                                               Progress& progress);

// Of all texts, each with its probe's text.
std::string hash_of(const std::vector<Continuation>& continuations, const std::vector<std::string>& probes);

}  // namespace deltascape::represent
