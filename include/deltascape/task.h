// A task that a few examples stand for -> which variants are near it (docs/design.md §4.4 `task`, arXiv 2509.04442
// §5.3): the base is finetuned on the examples, that finetune is embedded, and its cosines with the variants rank them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deltascape/progress.h"
#include "deltascape/ranking.h"
#include "deltascape/record.h"
#include "deltascape/store.h"
#include "deltascape/train.h"

namespace deltascape {

// Finetuning on about twenty examples; docs/tasks.md says what was tried.
TrainOptions few_shot_training();

// The row of `embed --layer all`'s that is compared unless another is asked for: behind a third of the blocks (0 would
// be the embeddings), where few-shot runs stand out most from other domains' finetunes (docs/tasks.md).
constexpr std::int64_t usual_task_layer(std::int64_t blocks) {
  const std::int64_t row = (2 * blocks + 3) / 6;  // to nearest
  return row > 0 ? row : 1;
}

struct TaskExamples {
  std::string name, file;  // file: JSONL as train() reads it
};

struct TaskOptions {
  std::string base;  // directory, .gguf file or hub id
  std::vector<TaskExamples> tasks;
  TrainOptions training = few_shot_training();  // base, data, out, memory and threads are set for each run
  int repeats = 1;                              // runs a task, with the seeds from training.seed on
  // Take off what control runs do: few-shot finetunes on generic examples that ship with the program, trained once for
  // a base and settings, and kept in this store.
  bool calibrate = false;
  // Hold the best score against those that the control runs have with the same members, each taken for a task:
  // TaskRanking::p.
  bool judge = false;
  std::string controls_file;
  // Of rows of all layers, which keep no deltas a probe: so many of the nearest are embedded once more, from their
  // paths, at the layer that is compared, for the error bars of their scores.
  std::size_t bars = 0;
  // Of members embedded with `--layer all`: which row, as last, N or a fraction; empty: usual_task_layer(). Of others
  // empty, or their own.
  std::string layer;
  std::string probes_file;         // what the members were embedded with
  std::string precision = "auto";  // of the embedding
  std::size_t memory = 0;
  int threads = 0;
};

struct TaskRanking {
  std::string name;
  std::int64_t examples = 0;
  double first_loss = 0, last_loss = 0;  // mean over the runs
  std::vector<RankedVariant> ranking;    // all members, nearest first
  // How likely an unrelated task has a best score as high as this one's with these members; empty unless asked for,
  // or where control runs do not say. Above kChance nothing fits.
  std::optional<double> p;
  double best = 0;  // the cosine that p is about: the best one without calibration
  bool fits() const { return !p || *p <= kChance; }
  static constexpr double kChance = 0.05;
};

struct TaskReport {
  std::vector<TaskRanking> tasks;                  // in the order given
  std::string layer;                               // of the rows that were compared
  std::size_t controls = 0, trained_controls = 0;  // whose direction was taken off; control runs trained by this call
  std::vector<double> chance;                      // the best score of each control run: what unrelated tasks reach
};

// The members of a store: its records of the one space that `where` and `choice` leave and in which options.base embeds
// a task at options.layer, which becomes the space's own. Errors of only_one().
std::vector<store::Record> task_members(const store::Store& store, const std::vector<std::string>& where,
                                        const store::SpaceChoice& choice, TaskOptions& options);

// The adapters lie in a temporary folder that goes with the call. Throws Error: kUsage for options, kMismatch when the
// members are not of this base, probes and layer, and what train() and embed() throw.
TaskReport rank_by_task(const std::vector<store::Record>& members, const TaskOptions& options,
                        Progress& progress = silent_progress());

}  // namespace deltascape
