#include "study/evaluator.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "core/text.h"
#include "deltascape/error.h"
#include "text/open.h"

namespace deltascape::study {
namespace {

using engine::Example;
using engine::VariantOperators;
using engine::Weights;

double characters(std::string_view text) {
  return static_cast<double>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

void require_finite(double value, const training::Row& row) {
  if (!std::isfinite(value))
    throw Error(ErrorCode::kNumeric, "the variant's loss on a completion is NaN or Inf",
                {.field = "line " + std::to_string(row.line)});
}

}  // namespace

Evaluator::Evaluator(const EvaluateOptions& options, const EvaluationData& data, const std::filesystem::path& tokenizer,
                     std::size_t bytes)
    : options_(options),
      data_(data),
      metric_(metric_named(options.metric)),
      match_(match_named(options.match)),
      bytes_(bytes) {
  for (const auto& row : data.examples) examples_.insert(examples_.end(), row.begin(), row.end());
  if (metric_ != Metric::kExact) return;
  detokenizer_ = text::open_detokenizer(tokenizer);
}

std::int64_t Evaluator::steps() const { return static_cast<std::int64_t>(examples_.size()); }

std::string Evaluator::until_stop(const std::string& said) const {
  std::size_t end = said.size();
  for (const std::string& stop : options_.stops) end = std::min(end, said.find(stop));
  return said.substr(0, end);
}

std::vector<std::string> Evaluator::answers(const engine::Asked& asked) const {
  engine::AnswerOptions how{.tokens = options_.tokens, .end = data_.end};
  if (!options_.stops.empty())
    how.ended = [this](const std::string& said) {
      return std::ranges::any_of(options_.stops, [&](const std::string& s) { return said.find(s) != said.npos; });
    };
  std::vector<std::vector<std::int64_t>> prompts;
  for (const Example& e : examples_) prompts.push_back(e.prompt);
  std::vector<std::string> out = engine::answers(asked, prompts, *detokenizer_, how);
  for (std::string& said : out) said = until_stop(said);
  return out;
}

std::vector<Prediction> Evaluator::operator()(Weights& weights, const VariantOperators& variant,
                                              const std::function<void(std::int64_t)>& advance) const {
  const bool exact = metric_ == Metric::kExact;
  const engine::Asked asked{weights, variant, options_.batch, bytes_, advance};
  const std::vector<std::string> said = exact ? answers(asked) : std::vector<std::string>();
  const std::vector<double> loss = exact ? std::vector<double>() : engine::example_losses(asked, examples_);
  std::vector<Prediction> out;
  std::size_t at = 0;
  for (std::size_t r = 0; r < data_.rows.size(); ++r) {
    const training::Row& row = data_.rows[r];
    Prediction p{.line = row.line};
    if (exact) {
      p.said = said[at];
      p.right = matches(match_, p.said, row.completions[0]);
    } else if (metric_ == Metric::kChoice) {
      for (std::size_t i = 0; i < row.completions.size(); ++i) p.likelihoods.push_back(-loss[at + i]);
      for (const double likelihood : p.likelihoods) require_finite(likelihood, row);
      p.choice = static_cast<std::size_t>(std::ranges::max_element(p.likelihoods) - p.likelihoods.begin());
      p.right = p.choice == row.answer;
    } else {
      p.loss = loss[at];
      require_finite(p.loss, row);
      p.tokens = static_cast<std::int64_t>(data_.examples[r][0].completion.size());
    }
    at += data_.examples[r].size();
    out.push_back(std::move(p));
  }
  return out;
}

Evaluation Evaluator::summary(const std::vector<Prediction>& predictions) const {
  Evaluation out{.metric = options_.metric, .examples = static_cast<std::int64_t>(predictions.size())};
  std::vector<double> values, counts, by_character;
  double bytes = 0;
  for (std::size_t r = 0; r < predictions.size(); ++r) {
    const Prediction& p = predictions[r];
    const training::Row& row = data_.rows[r];
    if (metric_ == Metric::kLoss) {
      values.push_back(p.loss);
      counts.push_back(static_cast<double>(p.tokens));
      bytes += static_cast<double>(row.completions[0].size());
      continue;
    }
    values.push_back(p.right ? 1 : 0);
    if (metric_ == Metric::kExact) continue;
    std::vector<double> means = p.likelihoods;
    for (std::size_t i = 0; i < means.size(); ++i) means[i] /= std::max(1.0, characters(trimmed(row.completions[i])));
    const auto best = static_cast<std::size_t>(std::ranges::max_element(means) - means.begin());
    by_character.push_back(best == row.answer ? 1 : 0);
  }
  const Estimate estimate = metric_ == Metric::kLoss ? ratio_of(values, counts) : mean_of(values);
  out.value = estimate.value;
  out.standard_error = estimate.standard_error;
  if (metric_ == Metric::kLoss) {
    out.perplexity = std::exp(out.value);
    double total = 0;
    for (const double v : values) total += v;
    out.bits_per_byte = total / bytes / std::numbers::ln2;
  } else if (metric_ == Metric::kChoice) {
    const Estimate other = mean_of(by_character);
    out.by_character = other.value;
    out.by_character_error = other.standard_error;
  }
  return out;
}

}  // namespace deltascape::study
