// Finetuning (docs/design.md §4.4 `train`): a base and examples -> an adapter in PEFT's layout, or a full model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "deltascape/progress.h"

namespace deltascape {

// The defaults are the paper's (arXiv 2509.04442 §4.1), where it says them.
struct TrainOptions {
  std::string base;             // directory, .gguf file or hub id
  std::string data;             // JSONL: {"prompt","completion"} a line; of dpo {"prompt","chosen","rejected"}
  std::string out;              // a directory that is not there yet
  std::string method = "lora";  // lora | ia3 | prefix | full
  std::string loss = "sft";     // sft: completions' cross-entropy | dpo (arXiv 2305.18290)
  // Of the method.
  std::int64_t rank = 8;
  double alpha = 16, dropout = 0;
  std::vector<std::string> targets;  // last components of module names; empty: the family's own of the method
  std::int64_t virtual_tokens = 20;  // of prefix
  std::string init;                  // an adapter of the same method to start from; empty: as PEFT starts
  double beta = 0.1;                 // of dpo
  // Of the optimiser (AdamW, arXiv 1711.05101).
  double learning_rate = 1e-4, weight_decay = 0, clip = 1;  // clip: the gradient's norm; 0: never
  std::string schedule = "linear";                          // constant | linear | cosine
  double warmup = 0;                                        // share of the steps
  std::int64_t batch = 4, accumulation = 4;                 // examples a pass; passes a step
  double epochs = 3;
  std::int64_t max_steps = 0;  // 0: as the epochs say
  // Of the data.
  std::int64_t max_examples = 3000;     // the first so many, 0: all
  std::int64_t max_tokens = 0;          // of one example; 0: what the model can read, at most 2048
  std::string long_examples = "error";  // longer ones: error | truncate | skip
  bool shuffle = true;
  std::uint64_t seed = 0;
  // Of the run.
  std::string precision = "fp32";  // fp32 | bf16 (products alone) | fp64
  bool recompute = false;          // gradient checkpointing: less memory, a third more time
  std::size_t memory = 0;          // bytes for the base's weights beside what training itself takes; 0: no limit
  int threads = 0;                 // 0: all cores this process may use
  double checkpoint_seconds = 60;  // between states that a resumed run starts from
  bool restart = false;            // begin anew where an unfinished run of the same output lies
  std::string base_name;           // what the adapter says it is for; empty: `base`
};

struct TrainReport {
  std::string out;
  std::int64_t examples = 0, skipped = 0, steps = 0, tokens = 0;  // tokens: read, all passes of this process
  std::int64_t resumed_at = 0;                                    // the step this process began with
  double seconds = 0, first_loss = 0, last_loss = 0;              // of the first and the last step
};

// The output is there as a whole or not at all; a run that was killed goes on from its last state, to the same bytes.
// The output holds train_log.jsonl, one line a step: {"step","epoch","loss","learning_rate","gradient_norm","tokens"}.
// Throws Error: kUsage for a bad option or an output that is in the way, kBadFile naming the data's file and line.
TrainReport train(const TrainOptions& options, Progress& progress = silent_progress());

}  // namespace deltascape
