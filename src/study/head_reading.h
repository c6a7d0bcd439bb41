// Which directions of the residual stream a model's head reads: how much the logits differ between two hidden states
// that differ along them.
#pragma once

#include <ATen/ATen.h>

#include "model/checkpoint.h"

namespace deltascape::study {

// With W the head's rows less their mean (what moves all logits alike moves no probability), and in front of the last
// norm W times that norm's weight: a difference x moves the logits by W·x. Its own factor, one over the state's length,
// is the same for all directions.
class HeadReading {
 public:
  // Reads the head once. after_norm: of what comes after the last norm. Throws Error(kUnsupported) where the head does
  // not read the residual stream's width, kNotFound for a checkpoint without a head.
  HeadReading(const model::Checkpoint& model, bool after_norm);
  // ‖W·x‖²/‖x‖² of all rows together, over its mean for directions by chance. x [rows, hidden] in float64; NaN where
  // all are zero.
  double gain(const at::Tensor& x) const;
  // The share of ‖x‖² within the fewest directions that hold 90 % of ‖W‖², and which share of all directions they are.
  double inside(const at::Tensor& x) const;
  double chance() const;

 private:
  at::Tensor energies_, directions_;  // eigenvalues of WᵀW, largest first, [hidden]; in columns, [hidden, hidden]
  std::int64_t most_ = 0;             // how many directions hold 90 %
};

}  // namespace deltascape::study
