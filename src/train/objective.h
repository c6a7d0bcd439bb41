// Owns what a step minimises: completions' cross-entropy, or the preference loss of DPO.
#pragma once

#include <memory>
#include <span>

#include "train/examples.h"
#include "train/method.h"
#include "train/plan.h"

namespace deltascape::training {

struct Pass {
  const Variant& variant;
  std::span<const std::size_t> rows;  // of the data
  engine::TrainingPass how;
};

class Objective {
 public:
  virtual ~Objective() = default;
  // Before the first step of a run that begins; `start` is what it starts from.
  virtual void begin(const Variant& start, const Plan& plan, Progress& progress) = 0;
  // What begin() has made, for a run that goes on: name and tensor.
  virtual std::vector<std::pair<std::string, at::Tensor>> kept() const = 0;
  // What the sum of the passes' losses is divided by: together they are the step's mean.
  virtual std::int64_t count(std::span<const std::size_t> rows) const = 0;
  virtual at::Tensor loss(const Pass& pass) = 0;  // the sum, with its graph
};

// Both outlive the objective.
std::unique_ptr<Objective> supervised(engine::Weights& weights, const Examples& examples);
// Direct preference optimisation (arXiv 2305.18290, equation 7), the mean over pairs. The reference is what the run
// starts from; its log-probabilities are computed once.
std::unique_ptr<Objective> preferences(engine::Weights& weights, const Examples& examples, double beta);

// The tokens that a pass over these rows reads, what comes after the last of a text left out.
std::int64_t tokens_read(const Examples& examples, std::span<const std::size_t> rows);

}  // namespace deltascape::training
