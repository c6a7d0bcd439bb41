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

}  // namespace deltascape::study
