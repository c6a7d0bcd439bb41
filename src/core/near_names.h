// Owns "did you mean": names that are close to one that is not there.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace deltascape {

// Up to three of `names`, nearest first: those that hold `name`, or are at most `edits` insertions, deletions and
// substitutions away.
std::vector<std::string> near_names(const std::string& name, const std::vector<std::string>& names, std::size_t edits);
// With as many edits as a name of this length may have: two, or a third of it.
std::vector<std::string> near_names(const std::string& name, const std::vector<std::string>& names);

}  // namespace deltascape
