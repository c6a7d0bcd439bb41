// Trains a study's adapters one after the other, and keeps what is there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "deltascape/embed.h"
#include "deltascape/study.h"

namespace deltascape::study {

// What one adapter is trained on, and as what it counts.
struct Lesson {
  std::string name, label, file;      // file: JSONL, all of it
  std::filesystem::path folder;       // below the study's; the adapter is folder/name
  std::optional<std::uint64_t> seed;  // empty: as the settings say
};

struct Trained {
  ModelRef model;
  std::optional<TrainReport> report;  // empty where it was there
};

class Trainer {
 public:
  // All outlive it. `planned`: how many adapters the study has.
  Trainer(const StudyOptions& options, std::size_t planned, StudyReport& counts, Progress& progress);
  Trained operator()(const TrainOptions& settings, const Lesson& lesson);

 private:
  const StudyOptions& options_;
  std::size_t planned_;
  StudyReport& counts_;
  Progress& progress_;
};

}  // namespace deltascape::study
