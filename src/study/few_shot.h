// Owns the few-shot finetunes of tasks: trained one after the other, kept where they are there already.
#pragma once

#include <filesystem>
#include <optional>

#include "deltascape/embed.h"
#include "deltascape/task.h"

namespace deltascape::study {

struct FewShotRun {
  std::string task;
  ModelRef adapter;    // named TASK, or TASK/2 and so on where tasks are repeated
  TrainReport report;  // empty where the adapter was there already
};

// Error(kUsage) for a name that is no word, and for one that two tasks have.
void require_names(const std::vector<TaskExamples>& tasks);

// `repeats` adapters a task below `folder`, with the seeds from training.seed on. A finished adapter is taken as it is;
// an interrupted one goes on.
std::vector<FewShotRun> train_few_shots(const std::vector<TaskExamples>& tasks, const TrainOptions& training,
                                        int repeats, const std::filesystem::path& folder, Progress& progress);

// " (3 of 29)", behind what progress says is trained.
std::string place_of(std::size_t index, std::size_t count);

// Trains; nothing where the output was there already.
std::optional<TrainReport> train_once(const TrainOptions& options, const std::string& name, Progress& progress);

// Embeds all in one pass of the base: a record each, in their order. Error when one fails.
std::vector<store::Record> embed_all(const std::vector<ModelRef>& models, const EmbedOptions& options,
                                     Progress& progress);

}  // namespace deltascape::study
