// Representations side by side on one pool.
#pragma once

#include <filesystem>

#include "deltascape/embed.h"
#include "deltascape/study.h"

namespace deltascape::study {

// Models in a representation: one record each, in their order.
struct MeasuredModels {
  std::vector<store::Record> records;
  std::optional<double> seconds;  // to measure them; empty where the store had them
  std::string error;              // why one could not be measured: then there are no records
};
// Into the store, or from it.
MeasuredModels measure_models(const std::vector<ModelRef>& models, const EmbedOptions& embedding,
                              const std::filesystem::path& store, Progress& progress);

// Measures pool and few-shot runs, both labelled by domain, into the store, or takes what it has of an earlier call. A
// representation that some of them do not have is no error: StudyRepresentation::error says why.
StudyRepresentation measure_representation(const std::vector<ModelRef>& pool, const std::vector<ModelRef>& runs,
                                           const EmbedOptions& embedding, const std::filesystem::path& store,
                                           Progress& progress);

}  // namespace deltascape::study
