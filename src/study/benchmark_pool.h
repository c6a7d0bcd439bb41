// The pool of the retrieval benchmark: what enters it, of which domain and of which lineage.
#pragma once

#include <string>
#include <vector>

#include "study/question.h"

namespace deltascape::study {

struct Entrant {
  ModelRef model;       // labelled by domain; a control has no label
  std::string lineage;  // the run that its weights come from
  bool copy = false;    // of another's weights: no answer to a query, but kin
};

// The study's pool, and what StudyBenchmark asks for beside it. Trains and writes what is missing.
std::vector<Entrant> benchmark_pool(const Studied& studied);

}  // namespace deltascape::study
