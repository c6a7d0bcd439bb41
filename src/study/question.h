// The questions that a study asks of its pool (deltascape/study.h, StudyQuestions): a table, a file each.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/study.h"
#include "study/study_data.h"
#include "study/trainer.h"

namespace deltascape::study {

// The study's pool and tasks, in the order of Parts.
struct Embedded {
  std::vector<store::Record> pool, runs;
};

// What the study has when its questions are asked.
struct Studied {
  const StudyOptions& options;
  const Parts& parts;
  const std::vector<ModelRef>&pool, &runs;  // of parts.splits and parts.tasks, in their order
  Trainer& train;
  Progress& progress;

  // The study's own way to embed, at the questions' layer and the last token.
  EmbedOptions embedding() const;
  // In a representation, with what it reads of the study's options.
  EmbedOptions embedding_as(const std::string& representation) const;
  std::vector<store::Record> embed(const std::vector<ModelRef>& models, const EmbedOptions& how) const;
  Embedded embed_own(const EmbedOptions& how) const;
  // The study's own way at a layer (EmbedOptions::layer): embedded once.
  const Embedded& own(const std::string& layer) const;
  const Embedded& own() const { return own(options.questions.layer); }
  mutable std::map<std::string, Embedded> kept = {};  // by layer
};

struct Question {
  std::string_view name;  // of StudyQuestions
  bool (*asked)(const StudyQuestions& questions);
  std::size_t (*trainings)(const StudyOptions& options);  // that it takes; null: none
  std::vector<StudyTable> (*answer)(const Studied& studied);
};
std::span<const Question> questions();

// Those that the study asks.
std::vector<const Question*> asked(const StudyOptions& options);

std::size_t variation_trainings(const StudyOptions& options);
std::size_t few_shot_trainings(const StudyOptions& options);
std::size_t additivity_trainings(const StudyOptions& options);
std::size_t benchmark_trainings(const StudyOptions& options);

std::vector<StudyTable> ask_variations(const Studied& studied);
std::vector<StudyTable> ask_few_shot(const Studied& studied);
std::vector<StudyTable> ask_additivity(const Studied& studied);
std::vector<StudyTable> ask_probes(const Studied& studied);
std::vector<StudyTable> ask_bases(const Studied& studied);
std::vector<StudyTable> ask_pool_sizes(const Studied& studied);
std::vector<StudyTable> ask_layers(const Studied& studied);
std::vector<StudyTable> ask_benchmark(const Studied& studied);

// ---- what several of them share ----

// How well a pool, labelled by domain, keeps its domains apart, and how well tasks find theirs.
struct Separation {
  std::optional<double> silhouette;
  std::optional<double> nearest;            // share of variants whose nearest other has their label
  std::optional<StudyRetrieval> retrieval;  // empty without runs
};
Separation separation(const std::vector<store::Record>& pool, const std::vector<store::Record>& runs,
                      std::int64_t row = 0);
// Its cells, and what the columns are called: silhouette, nearest, top-1, top-3, margin.
void append(const Separation& separation, std::vector<StudyTable::Cell>& row);
inline constexpr const char* kSeparation[] = {"silhouette", "nearest", "top-1", "top-3", "margin"};
StudyTable::Cell cell(std::optional<double> value);

// The folder below the study's where adapters of these settings lie: other settings have another.
std::filesystem::path folder_of(const char* question, const StudyTraining& training);

// Of a training on a domain: one that no adapter of the pool has.
std::uint64_t fresh_seed(const StudyOptions& options, std::size_t domain);

// The mean of what is there; empty without any.
std::optional<double> mean_of_known(std::span<const std::optional<double>> values);

}  // namespace deltascape::study
