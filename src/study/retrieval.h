// How few-shot tasks find the variants of their domain in a pool.
#pragma once

#include "deltascape/study.h"

namespace deltascape::study {

// Ranks the pool by each run at the row `layer`, and notes each as a task. Labels are domains.
StudyRetrieval retrieve(const std::vector<store::Record>& pool, const std::vector<store::Record>& runs,
                        const std::vector<store::Record>& controls, std::int64_t layer, std::vector<StudyTask>& tasks);

}  // namespace deltascape::study
