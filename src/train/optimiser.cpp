#include "train/optimiser.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace deltascape::training {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kTiny = 1e-8;  // torch.optim.AdamW's

double Schedule::at(std::int64_t step) const {
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(std::max<std::int64_t>(1, whole));
  };
  if (step < warmup) return learning_rate * share(step, warmup);
  if (kind == "linear") return learning_rate * std::max(0.0, share(steps - step, steps - warmup));
  if (kind == "cosine")
    return learning_rate * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * share(step - warmup, steps - warmup))));
  return learning_rate;
}

AdamW::AdamW(const TrainOptions& options, const std::vector<Parameter>& parameters)
    : parameters_(parameters), weight_decay_(options.weight_decay), clip_(options.clip) {
  for (const Parameter& p : parameters) moments_.push_back({at::zeros_like(p.value), at::zeros_like(p.value)});
}

double AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> norms;
  for (const Parameter& p : parameters_) {
    at::Tensor& gradient = p.value.mutable_grad();
    if (!gradient.defined()) gradient = at::zeros_like(p.value);
    norms.push_back(gradient.norm());
  }
  const double norm = at::stack(norms).norm().item<double>();
  if (!std::isfinite(norm)) return norm;
  ++steps_;
  const double factor = clip_ > 0 ? std::min(1.0, clip_ / (norm + 1e-6)) : 1;  // as torch bounds it
  const double correction1 = 1 - std::pow(kBeta1, steps_), correction2 = 1 - std::pow(kBeta2, steps_);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor value = parameters_[i].value, &gradient = value.mutable_grad();
    Moments& m = moments_[i];
    if (factor < 1) gradient.mul_(factor);
    value.mul_(1 - learning_rate * weight_decay_);
    m.mean.lerp_(gradient, 1 - kBeta1);
    m.square.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
    value.addcdiv_(m.mean, m.square.sqrt().div_(std::sqrt(correction2)).add_(kTiny), -learning_rate / correction1);
    gradient = at::Tensor();
  }
  return norm;
}

}  // namespace deltascape::training
