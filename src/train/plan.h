// Owns which examples make which step: a function of the step alone, so that a run may stop and go on anywhere.
#pragma once

#include <cstdint>
#include <vector>

#include "deltascape/train.h"

namespace deltascape::training {

// Examples are batched and batches put into steps as transformers' Trainer does: the last batch of an epoch and its
// last step may be smaller.
class Plan {
 public:
  Plan(const TrainOptions& options, std::size_t examples);
  std::int64_t steps() const { return steps_; }
  std::int64_t steps_an_epoch() const { return steps_an_epoch_; }
  double epoch_after(std::int64_t step) const;  // how many epochs are done with it
  // The examples of a step's passes, from 0.
  std::vector<std::vector<std::size_t>> passes(std::int64_t step) const;

 private:
  const std::vector<std::size_t>& order(std::int64_t epoch) const;

  std::int64_t examples_, batch_, accumulation_, steps_an_epoch_, steps_;
  bool shuffle_;
  std::uint64_t seed_;
  mutable std::int64_t ordered_ = -1;  // the epoch that order_ is of
  mutable std::vector<std::size_t> order_;
};

}  // namespace deltascape::training
