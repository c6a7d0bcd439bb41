// Representations side by side on one pool.
#pragma once

#include <filesystem>

#include "deltascape/embed.h"
#include "deltascape/study.h"

namespace deltascape::study {

// Measures pool and few-shot runs, both labelled by domain, into the store, or takes what it has of an earlier call. A
// representation that some of them do not have is no error: StudyRepresentation::error says why.
StudyRepresentation measure_representation(const std::vector<ModelRef>& pool, const std::vector<ModelRef>& runs,
                                           const EmbedOptions& embedding, const std::filesystem::path& store,
                                           Progress& progress);

}  // namespace deltascape::study
