// Owns the options that several verbs have: what a run may take of the machine, and which models it is about.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "cli/console.h"
#include "deltascape/models.h"
#include "deltascape/train.h"

namespace deltascape::cli {

inline constexpr const char* kBudget = "Budget, as 4GiB or 500MB; left out: half of what is free";

void add_memory(CLI::App& verb, std::size_t& bytes, const std::string& help = kBudget);
void add_threads(CLI::App& verb, int& threads);
// How few-shot finetunes are trained.
void add_few_shot_training(CLI::App& verb, TrainOptions& training);
void add_labels(CLI::App& verb, std::string& file, std::string& pattern, const std::string& searched);

// --store of a verb that looks names of variants up in it, without a need for one.
CLI::Option* add_store_at_hand(CLI::App& verb, std::string& file);

// What a user names as MODEL…, with its labels, and which shard of it this run takes.
struct ModelArguments {
  std::vector<std::string> typed;
  ExpandOptions options;
};
// `beside`: what the help of --shard adds. Returns MODEL.
CLI::Option* add_models(CLI::App& verb, ModelArguments& models, const std::string& beside);
// Its notes go to the console.
std::vector<ModelRef> expand(const ModelArguments& models, const Console& console);

}  // namespace deltascape::cli
