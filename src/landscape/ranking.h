// Owns how near variants are to a task that a few examples stand for (arXiv 2509.04442 §5.3, with calibration).
#pragma once

#include "deltascape/ranking.h"
#include "landscape/similarity.h"

namespace deltascape::landscape {

// A task's embedding is the mean over its runs, few-shot finetunes that differ in their seed alone.
// With controls (few-shot finetunes on generic examples) the direction of their mean is taken off the task and off
// every variant before they meet: it is what any finetune on a few instructions does, and says nothing about the task.
struct TaskRuns {
  std::vector<store::Record> runs;      // at least one
  std::vector<store::Record> controls;  // empty: plain cosines
};

// All members, nearest first, those without effect last. The error bar is 2 standard errors of two jackknives added:
// over probes (where every record has per-probe deltas) and over runs (where there are several).
// Error(kMismatch) when the records are not comparable.
std::vector<RankedVariant> rank(const std::vector<store::Record>& members, const TaskRuns& task, Row row = {});

// What chance does with these members: the best plain cosine of each control taken for a task, a task that none of them
// is made for. A control without a score is left out.
std::vector<double> chance_scores(const std::vector<store::Record>& members, const std::vector<store::Record>& controls,
                                  Row row = {});

// How likely one more task of the controls' kind has a best score of at least `score`: Student's t for a new value of a
// normal sample, on Fisher's z of the cosines. Empty with fewer than three scores, or when those do not differ.
std::optional<double> chance_of(double score, const std::vector<double>& chance);

// Where the first variant of this label stands, from 0; empty when there is none with a score.
std::optional<std::size_t> place_of(const std::vector<RankedVariant>& ranking, const std::string& label);
// The best score of the label minus the best score of all others; empty when either is missing.
std::optional<double> margin_of(const std::vector<RankedVariant>& ranking, const std::string& label);

}  // namespace deltascape::landscape
