// Owns a step of AdamW (arXiv 1711.05101), equal to torch.optim.AdamW's, with the gradient's norm bounded before it and
// a learning rate that follows a schedule.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deltascape/train.h"
#include "train/method.h"

namespace deltascape::training {

struct Schedule {
  std::string kind;  // constant | linear | cosine, as transformers' get_scheduler has them with warm-up
  double learning_rate = 0;
  std::int64_t warmup = 0, steps = 1;

  double at(std::int64_t step) const;  // from 0
};

class AdamW {
 public:
  AdamW(const TrainOptions& options, const std::vector<Parameter>& parameters);
  // Uses and clears the gradients. Returns their norm before it was bounded; nothing is changed where it is not finite.
  double step(double learning_rate);
  std::int64_t steps() const { return steps_; }

  // What a resumed run needs beside the parameters: a mean of gradients and of their squares each, and the steps done.
  struct Moments {
    at::Tensor mean, square;  // of the parameter's shape and type
  };
  const std::vector<Moments>& moments() const { return moments_; }
  void resume_at(std::int64_t steps) { steps_ = steps; }

 private:
  const std::vector<Parameter>& parameters_;
  double weight_decay_, clip_;
  std::vector<Moments> moments_;
  std::int64_t steps_ = 0;
};

}  // namespace deltascape::training
