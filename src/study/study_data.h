// Owns how a study divides its examples: what the pool is trained on, and what is held out for tasks.
#pragma once

#include <filesystem>

#include "deltascape/study.h"

namespace deltascape::study {

struct Part {
  std::string name, domain, file;  // "math-1", "math", JSONL of its own
};
struct Parts {
  std::vector<Part> splits, tasks;  // in domain order
};

// Writes each part's examples into folder/NAME.jsonl, line by line as they stand in the domain's file. Parts that lie
// there already must be the same. Throws Error naming file and line of a bad example, or a domain with too few.
Parts write_parts(const StudyOptions& options, const std::filesystem::path& folder);

// The files that questions train on, in the same folder as the parts and held to what they were in the same way.
// `first`: so many examples of a part, 0: all. Error(kUsage) where a part has fewer. Each returns the file.
std::string write_first(const Part& part, std::int64_t first);
// {"prompt","chosen","rejected"}: an example's completion, and that of the next example which has another (behind the
// last comes the first). Error(kBadFile) where all have the same.
std::string write_preferences(const Part& part, std::int64_t first);
// One part's examples and then the other's.
std::string write_union(const Part& one, const Part& other, std::int64_t first);

}  // namespace deltascape::study
