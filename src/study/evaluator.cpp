#include "study/evaluator.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "core/text.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "lm/batches.h"
#include "lm/generate.h"

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
  detokenizer_ = io::is_directory(tokenizer) ? text::load_detokenizer(tokenizer)
                                             : text::load_detokenizer(*io::GgufFile::open(tokenizer));
}

std::int64_t Evaluator::steps() const { return static_cast<std::int64_t>(examples_.size()); }

std::string Evaluator::until_stop(const std::string& said) const {
  std::size_t end = said.size();
  for (const std::string& stop : options_.stops) end = std::min(end, said.find(stop));
  return said.substr(0, end);
}

std::vector<std::string> Evaluator::answers(Weights& weights, const VariantOperators& variant,
                                            const Advance& advance) const {
  engine::GenerateOptions how{
      .tokens = options_.tokens, .prefix = variant.prefix, .virtual_rows = variant.virtual_rows, .logits = false};
  if (data_.end) how.stops.push_back(*data_.end);
  if (!options_.stops.empty())
    how.ended = [this](std::span<const std::int64_t> ids) {
      const std::string said = (*detokenizer_)(ids);
      return std::ranges::any_of(options_.stops, [&](const std::string& s) { return said.find(s) != said.npos; });
    };
  const std::int64_t before = engine::rows_before(variant);
  std::vector<std::string> out;
  engine::in_batches(
      examples_.size(), options_.batch,
      [&](std::size_t i) { return before + static_cast<std::int64_t>(examples_[i].prompt.size()); },
      [&](std::int64_t rows, std::int64_t longest, std::int64_t count) {
        const std::size_t seen = engine::generated_bytes(weights.spec(), longest + options_.tokens, weights.dtype());
        return engine::pass_bytes(weights.spec(), rows, longest, weights.dtype()) +
                   static_cast<std::size_t>(count) * seen <=
               bytes_;
      },
      [&](std::size_t first, std::size_t count) {
        std::vector<std::vector<std::int64_t>> prompts;
        for (std::size_t i = first; i < first + count; ++i) prompts.push_back(examples_[i].prompt);
        for (auto& ids : engine::generate(weights, variant.operators, prompts, how).ids) {
          if (data_.end && !ids.empty() && ids.back() == *data_.end) ids.pop_back();
          out.push_back(until_stop((*detokenizer_)(ids)));
        }
        advance(static_cast<std::int64_t>(count));
      });
  return out;
}

std::vector<double> Evaluator::losses(Weights& weights, const VariantOperators& variant, const Advance& advance) const {
  const at::NoGradGuard no_grad;
  const std::int64_t before = engine::rows_before(variant);
  std::vector<double> out;
  engine::in_batches(
      examples_.size(), options_.batch, [&](std::size_t i) { return before + examples_[i].tokens(); },
      [&](std::int64_t rows, std::int64_t longest, std::int64_t) {
        return engine::pass_bytes(weights.spec(), rows, longest, weights.dtype()) <= bytes_;
      },
      [&](std::size_t first, std::size_t count) {
        const auto part = std::span(examples_).subspan(first, count);
        const at::Tensor tokens = engine::completion_losses(
            weights, variant.operators, part, {.prefix = variant.prefix, .virtual_rows = variant.virtual_rows});
        const at::Tensor sums = engine::by_example(tokens.to(at::kDouble), part).contiguous();  // [count]
        out.insert(out.end(), sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + count);
        advance(static_cast<std::int64_t>(count));
      });
  return out;
}

std::vector<Prediction> Evaluator::operator()(Weights& weights, const VariantOperators& variant,
                                              const Advance& advance) const {
  const bool exact = metric_ == Metric::kExact;
  const std::vector<std::string> said = exact ? answers(weights, variant, advance) : std::vector<std::string>();
  const std::vector<double> loss = exact ? std::vector<double>() : losses(weights, variant, advance);
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
