#include "train/objective.h"

#include <ATen/core/grad_mode.h>

namespace deltascape::training {
namespace {

using engine::Example;

std::vector<Example> packed(const Examples& examples, std::span<const std::size_t> rows) {
  std::vector<Example> out;
  for (const std::size_t r : rows) out.insert(out.end(), examples.rows[r].begin(), examples.rows[r].end());
  return out;
}

class Supervised final : public Objective {
 public:
  Supervised(engine::Weights& weights, const Examples& examples) : weights_(weights), examples_(examples) {}
  void begin(const Variant&, const Plan&, Progress&) override {}
  std::vector<std::pair<std::string, at::Tensor>> kept() const override { return {}; }
  std::int64_t count(std::span<const std::size_t> rows) const override {
    std::int64_t tokens = 0;
    for (const Example& e : packed(examples_, rows)) tokens += static_cast<std::int64_t>(e.completion.size());
    return tokens;
  }
  at::Tensor loss(const Pass& pass) override {
    return engine::completion_losses(weights_, pass.variant.operators, packed(examples_, pass.rows),
                                     {.prefix = pass.variant.prefix, .training = pass.how})
        .sum();
  }

 private:
  engine::Weights& weights_;
  const Examples& examples_;
};

class Preferences final : public Objective {
 public:
  Preferences(engine::Weights& weights, const Examples& examples, double beta)
      : weights_(weights),
        examples_(examples),
        beta_(beta),
        reference_(at::zeros({std::ssize(examples.rows), 2}, at::TensorOptions(weights.dtype()))) {}
  void begin(const Variant& start, const Plan& plan, Progress& progress) override {
    const at::NoGradGuard no_grad;
    progress.begin("reference", plan.steps_an_epoch());
    for (std::int64_t step = 0; step < plan.steps_an_epoch() && step < plan.steps(); ++step) {
      for (const auto& rows : plan.passes(step)) reference_.index_copy_(0, index(rows), losses({start, rows, {}}));
      advance(progress, 1);
    }
    weights_.forget();  // of full parameters nothing of the base is read again
  }
  std::vector<std::pair<std::string, at::Tensor>> kept() const override { return {{"reference", reference_}}; }
  std::int64_t count(std::span<const std::size_t> rows) const override { return std::ssize(rows); }
  at::Tensor loss(const Pass& pass) override {
    // How much less likely each has become, [rows, 2]: chosen, rejected.
    const at::Tensor lost = losses(pass) - reference_.index_select(0, index(pass.rows));
    return -at::log_sigmoid((lost.select(1, 1) - lost.select(1, 0)) * beta_).sum();
  }

 private:
  static at::Tensor index(std::span<const std::size_t> rows) {
    return at::tensor(std::vector<std::int64_t>(rows.begin(), rows.end()), at::kLong);
  }
  at::Tensor losses(const Pass& pass) {  // the negative log-likelihoods, [rows, 2]
    const std::vector<Example> both = packed(examples_, pass.rows);
    return engine::by_example(engine::completion_losses(weights_, pass.variant.operators, both,
                                                        {.prefix = pass.variant.prefix, .training = pass.how}),
                              both)
        .view({-1, 2});
  }

  engine::Weights& weights_;
  const Examples& examples_;
  double beta_;
  at::Tensor reference_;  // [rows of the data, 2]
};

}  // namespace

std::unique_ptr<Objective> supervised(engine::Weights& weights, const Examples& examples) {
  return std::make_unique<Supervised>(weights, examples);
}

std::unique_ptr<Objective> preferences(engine::Weights& weights, const Examples& examples, double beta) {
  return std::make_unique<Preferences>(weights, examples, beta);
}

std::int64_t tokens_read(const Examples& examples, std::span<const std::size_t> rows) {
  std::int64_t out = 0;
  for (const Example& e : packed(examples, rows)) out += e.tokens() - 1;
  return out;
}

}  // namespace deltascape::training
