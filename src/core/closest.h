// Owns which known name somebody meant who typed another.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace deltascape {

// Optimal string alignment distance: a letter in, out or another, or two neighbours swapped.
std::size_t edits(const std::string& a, const std::string& b);

// The known name with the fewest edits() from `typed`; empty when even that has more than a third of its letters wrong
// (at least one edit is allowed).
std::string closest(const std::string& typed, const std::vector<std::string>& known);

// At most three of `known`, the nearest first: those that hold `typed` or are at most `most` edits() from it.
std::vector<std::string> near_names(const std::string& typed, const std::vector<std::string>& known, std::size_t most);
// With as many edits as a name of this length may have: two, or a third of it.
std::vector<std::string> near_names(const std::string& typed, const std::vector<std::string>& known);

}  // namespace deltascape
