#include "study/evaluate_data.h"

#include <algorithm>

#include "deltascape/error.h"
#include "model/end_token.h"
#include "study/metrics.h"
#include "train/examples.h"

namespace deltascape::study {
namespace {

using training::Row;

// Models with a table of positions read no more than it has; the virtual tokens of a variant are its own affair.
void check_length(const EvaluateOptions& options, const model::ModelSpec& spec, const Row& row, std::int64_t tokens) {
  const std::int64_t most = spec.longest_text();
  if (most == 0 || tokens <= most) return;
  throw Error(ErrorCode::kBadFile, "longer than this model can read",
              {.path = options.data,
               .field = "line " + std::to_string(row.line),
               .expected = "at most " + std::to_string(most) + " tokens",
               .found = std::to_string(tokens)});
}

// Fills in the rows' tokens.
void tokenize(const EvaluateOptions& options, const model::ModelSpec& spec, const text::Tokenizer& tokenizer,
              EvaluationData& out) {
  const Metric metric = metric_named(options.metric);
  const bool choice = metric == Metric::kChoice, exact = metric == Metric::kExact;
  out.tokens = tokenizer.vocabulary_size();
  for (const Row& row : out.rows) {
    std::vector<engine::Example> examples;
    for (const std::string& completion : row.completions) {
      const auto end = choice ? std::nullopt : out.end;
      engine::Example e = training::example_of(tokenizer, options.data, row, completion, end);
      const auto said = exact ? options.tokens : static_cast<std::int64_t>(e.completion.size());
      check_length(options, spec, row, static_cast<std::int64_t>(e.prompt.size()) + said);
      examples.push_back(std::move(e));
    }
    out.examples.push_back(std::move(examples));
  }
}

}  // namespace

EvaluationData read_evaluation(const EvaluateOptions& options, const model::Checkpoint& base, Progress& progress) {
  EvaluationData out;
  const bool choice = metric_named(options.metric) == Metric::kChoice;
  const auto kind = choice ? training::RowKind::kChoice : training::RowKind::kCompletion;
  std::string told;
  out.rows = training::read_rows(options.data, kind, options.limit, &told);
  if (!told.empty()) progress.note(options.data + ": " + told);
  const auto tokenizer = base.tokenizer();
  out.end = model::end_token(base, *tokenizer);
  tokenize(options, base.spec(), *tokenizer, out);
  return out;
}

EvaluationData read_with(const EvaluateOptions& options, const model::Checkpoint& base, const EvaluationData& of_base,
                         const std::filesystem::path& variant, const text::Tokenizer& tokenizer) {
  EvaluationData out{.rows = of_base.rows};
  const auto most = std::max(base.spec().vocabulary, static_cast<std::int64_t>(tokenizer.vocabulary_size()));
  out.end = model::end_token(variant, most, tokenizer);
  if (!out.end) out.end = of_base.end;
  tokenize(options, base.spec(), tokenizer, out);
  return out;
}

}  // namespace deltascape::study
