#include "train/plan.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/random.h"

namespace deltascape::training {
namespace {

std::int64_t parts(std::int64_t whole, std::int64_t part) { return (whole + part - 1) / part; }

}  // namespace

Plan::Plan(const TrainOptions& options, std::size_t examples)
    : examples_(static_cast<std::int64_t>(examples)),
      batch_(options.batch),
      accumulation_(options.accumulation),
      steps_an_epoch_(parts(parts(examples_, batch_), accumulation_)),
      steps_(options.max_steps > 0
                 ? options.max_steps
                 : static_cast<std::int64_t>(std::ceil(options.epochs * static_cast<double>(steps_an_epoch_)))),
      shuffle_(options.shuffle),
      seed_(options.seed) {}

double Plan::epoch_after(std::int64_t step) const {
  return static_cast<double>(step + 1) / static_cast<double>(steps_an_epoch_);
}

const std::vector<std::size_t>& Plan::order(std::int64_t epoch) const {
  if (ordered_ == epoch) return order_;
  const auto n = static_cast<std::size_t>(examples_);
  if (shuffle_) {
    order_ = shuffled(n, Random(seed_, Purpose::kOrder, static_cast<std::uint64_t>(epoch)));
  } else {
    order_.resize(n);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }
  ordered_ = epoch;
  return order_;
}

std::vector<std::vector<std::size_t>> Plan::passes(std::int64_t step) const {
  const std::vector<std::size_t>& all = order(step / steps_an_epoch_);
  std::int64_t first = step % steps_an_epoch_ * accumulation_ * batch_;
  std::vector<std::vector<std::size_t>> out;
  for (std::int64_t pass = 0; pass < accumulation_ && first < examples_; ++pass, first += batch_)
    out.emplace_back(all.begin() + first, all.begin() + std::min(first + batch_, examples_));
  return out;
}

}  // namespace deltascape::training
