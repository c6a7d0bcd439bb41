// A study of one base (docs/design.md §4.4 `study`): a pool of finetunes of several domains, how well embeddings of
// each layer tell the domains apart, and whether a few held-out examples find the variants of their domain.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "deltascape/embed.h"
#include "deltascape/progress.h"
#include "deltascape/ranking.h"
#include "deltascape/record.h"
#include "deltascape/task.h"
#include "deltascape/train.h"

namespace deltascape {

struct StudyDomain {
  std::string name, file;  // file: JSONL as train() reads it
};

// A training that differs from the study's own.
struct StudyTraining {
  std::string name;
  TrainOptions training;
  std::int64_t examples = 0;  // the first so many; 0: all there are
};

// A benchmark of retrieval: the pool with kin and controls of each domain's first adapter; the study's tasks are the
// queries.
struct StudyBenchmark {
  std::vector<StudyTraining> members;     // trained on that adapter's examples by other settings
  std::vector<std::int64_t> checkpoints;  // states of its run after so many steps: the rate is constant then
  bool continued = false;                 // it, trained further on the next domain
  bool merged = false;                    // its mean with the domain's second adapter
  bool copies = false;                    // other bytes of the same weights
  bool random = false;                    // weights by chance, as large in each module: without a domain
  std::vector<std::string> representations = {"activations"};
  bool regret = false;  // evaluates every variant on every task's examples
};

// What a study asks of its pool beside the tables by layer; each that is asked is a StudyTable, or two.
struct StudyQuestions {
  std::string layer = "last";  // of EmbedOptions: where `variations`, `additivity`, `probes` and `bases` look
  // Finetunes of each domain's first split by other settings: does the pool still find their domain? Of loss dpo the
  // example's completion is chosen and the one of the split's next example rejected.
  std::vector<StudyTraining> variations;
  // The tasks trained by other settings or on fewer examples: do they still find their domain?
  std::vector<StudyTraining> few_shot;
  // A finetune on two domains' first splits together, beside the sum of the finetunes on each, for all pairs.
  std::vector<StudyTraining> additivity;
  struct File {
    std::string name, path;
  };
  std::vector<File> probes;     // as EmbedOptions::probes_file, beside the study's own
  bool leave_one_out = false;   // the study's own probes without one of them
  std::vector<File> bases;      // models of the base's shape in whose place the pool is embedded
  std::vector<int> pool_sizes;  // variants, evenly of the domains, drawn from the pool
  std::optional<StudyBenchmark> benchmark;
  bool layers = false;  // what the deltas of each layer consist of
};

// Of a domain's examples the last tasks · held_out are for tasks alone. Of the others split s takes the s-th, and every
// splits-th after it.
struct StudyOptions {
  std::string base;
  std::string out;  // a folder: embeddings, tables and plots
  std::string
      adapters;  // a folder: adapters and examples, which studies may share; empty: `out`. A study goes on there
  std::vector<StudyDomain> domains;
  int splits = 3;              // adapters a domain
  std::int64_t examples = 0;   // a split; 0: all there are
  int tasks = 1;               // a domain
  std::int64_t held_out = 20;  // examples a task
  TrainOptions training;       // of the pool
  TrainOptions few_shot = few_shot_training();
  bool calibrate = true;                          // rank on control runs too
  std::vector<std::string> positions = {"last"};  // of EmbedOptions, one space each
  // Compared on the same pool and tasks, as EmbedOptions::representation; activations after the final norm.
  std::vector<std::string> representations;
  StudyQuestions questions;
  std::string encoder = EmbedOptions().encoder;  // of EmbedOptions
  std::string probes_file;                       // of EmbedOptions
  std::string precision = "auto";                // of EmbedOptions
  std::size_t memory = 0;                        // of EmbedOptions
  int threads = 0;                               // of EmbedOptions
};

// A JSON object with these names, but `probes` for probes_file and without memory and threads; `training` and
// `few_shot` are objects of TrainOptions' names, `domains` is one of name: file. In `questions` lists of files are
// objects of name: file, and lists of trainings objects of name: {"training": {what differs}, "examples"}. Relative
// paths start at the file's folder. Throws Error naming file and key.
StudyOptions read_study(const std::string& file);

// How a task did: over all tasks shares and a mean.
struct StudyRetrieval {
  double top1 = 0, top3 = 0;     // tasks with a variant of their domain among the nearest 1, 3
  std::optional<double> margin;  // best cosine of the own domain minus best of the others
};

struct StudyLayer {
  std::int64_t layer = 0;  // row of hidden_states: 0 the embeddings, the last after the final norm
  std::optional<double> silhouette;
  StudyRetrieval plain;
  std::optional<StudyRetrieval> calibrated;
};

struct StudyTask {
  std::string name, domain;
  std::int64_t layer = 0;
  bool calibrated = false;
  std::vector<RankedVariant> nearest;  // three
  std::optional<double> margin;
};

struct StudySpace {
  std::string position;
  std::vector<store::Record> pool;  // embedded with --layer all, labelled by domain
  std::vector<StudyLayer> layers;
  std::vector<StudyTask> tasks;  // every task at every layer, plain and calibrated
};

// A representation on the study's pool (arXiv 2509.04442, table 2).
struct StudyRepresentation {
  std::string name;
  std::string error;  // why it could not be measured; else empty
  std::optional<double> silhouette;
  StudyRetrieval retrieval;       // of the tasks, plain
  std::vector<StudyTask> tasks;   // without layers
  std::optional<double> seconds;  // to measure pool and tasks; empty where they were kept from an earlier call
};

// The answer to a question.
struct StudyTable {
  using Cell = std::variant<std::monostate, std::string, std::int64_t, double>;  // the first: nothing to say
  std::string name;         // a word: of its CSV, its plot and its key in JSON
  std::string title, text;  // text: what the columns are
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
  std::vector<std::string> drawn;  // columns that are drawn over the first
};

struct StudyReport {
  std::string configuration;  // JSON: every option as it was used
  std::vector<StudyTable> tables;
  std::vector<StudyRepresentation> representations;
  std::vector<StudySpace> spaces;
  std::size_t trained = 0, kept = 0;  // adapters made by this call, and found made
};

// Throws Error: kUsage for options or an output that belongs to other options, and what train() and embed() throw.
StudyReport run_study(const StudyOptions& options, Progress& progress = silent_progress());

}  // namespace deltascape
