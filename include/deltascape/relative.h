// Variants of different bases in one space (docs/design.md §5.7): each as its cosines with anchors, finetunes of its
// own base on the same tasks. Method: relative representations, Moschella et al., arXiv 2209.15430.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "deltascape/progress.h"
#include "deltascape/space.h"
#include "deltascape/store.h"
#include "deltascape/task.h"
#include "deltascape/train.h"

namespace deltascape {

struct RelativeOptions {
  std::vector<TaskExamples> tasks;  // of the anchors; empty: the control examples that ship with the program
  std::vector<std::string> where;   // of the variants, as store::Query's
  store::SpaceChoice choice;        // of their spaces; layer: last (also where empty), or a fraction of the depth
  std::vector<std::string> bases;   // where bases lie that are not where the store says
  TrainOptions training = few_shot_training();  // base, data, out, memory and threads are set for each run
  // Take the direction of the anchors' mean off anchors and variants before they meet: it is what any finetune on a few
  // examples does.
  bool centred = true;
  std::string anchors_file;        // the store where embedded anchors are kept, so that each is trained once a base
  std::string probes_file;         // what the variants were embedded with
  std::string precision = "auto";  // of the anchors' embedding
  std::size_t memory = 0;
  int threads = 0;
};

struct RelativeReport {
  struct Base {
    std::string name;                      // as the store has it
    std::int64_t variants = 0, added = 0;  // added: measured by this call, the others had the same numbers
    std::vector<std::string> trained;      // anchors that this call trained
  };
  store::Space space;                // base and tokenizer are empty
  std::vector<std::string> anchors;  // names, in the order of the vectors' components
  std::vector<Base> bases;
  // Variants whose label another base has too, and those of them whose nearest variant of another base has it.
  std::int64_t labelled = 0, matched = 0;
};

// Measures every variant of the chosen spaces of activations, one of each base, in the relative space; a transaction
// each. A base is opened where anchors of it are missing. Throws Error: kUsage for options and spaces that do not go
// together, kNotFound for a base that is not at hand, and what train() and embed() throw.
RelativeReport measure_relative(store::Store& store, const RelativeOptions& options,
                                Progress& progress = silent_progress());

}  // namespace deltascape
