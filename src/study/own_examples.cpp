#include "study/own_examples.h"

#include <algorithm>

#include "deltascape/error.h"
#include "represent/own_tokenizer.h"
#include "text/open.h"

namespace deltascape::study {

namespace fs = std::filesystem;
using model::Module;

namespace {

bool same_tokens(const EvaluationData& a, const EvaluationData& b) {
  const auto same = [](const engine::Example& x, const engine::Example& y) {
    return x.prompt == y.prompt && x.completion == y.completion;
  };
  return a.end == b.end && std::ranges::equal(a.examples, b.examples, [&](const auto& x, const auto& y) {
           return std::ranges::equal(x, y, same);
         });
}

}  // namespace

TableRows table_rows(const model::ModelSpec& spec, const engine::VariantOperators& variant) {
  const auto rows = [&](Module module) {
    const auto own = variant.operators.find({module});
    const bool replaced = own != variant.operators.end() && own->second.weight.defined();
    return replaced ? own->second.weight.size(0) : spec.vocabulary;
  };
  return {rows(Module::kEmbed), rows(Module::kHead)};
}

OwnExamples::OwnExamples(const EvaluateOptions& options, const EvaluationData& of_base, const model::Checkpoint& base,
                         std::size_t bytes)
    : options_(options), of_base_(of_base), base_(base), bytes_(bytes) {}

std::unique_ptr<OwnExamples::Own> OwnExamples::read(const fs::path& variant) const {
  auto out = std::make_unique<Own>();
  try {
    const auto tokenizer = text::open_tokenizer(variant);
    out->data = read_with(options_, base_, of_base_, variant, *tokenizer);
    const bool exact = metric_named(options_.metric) == Metric::kExact;
    // What an answer says may be a token that no prompt holds.
    const bool same = same_tokens(out->data, of_base_) && (!exact || out->data.tokens == of_base_.tokens);
    if (same) return out;
    out->evaluator.emplace(options_, out->data, variant, bytes_);
    const auto raise = [](std::int64_t& highest, const std::vector<std::int64_t>& ids) {
      for (const std::int64_t id : ids) highest = std::max(highest, id);
    };
    for (const auto& row : out->data.examples)
      for (const engine::Example& e : row) {
        raise(out->highest_read, e.prompt);
        if (exact) continue;
        raise(out->highest_read, {e.completion.begin(), e.completion.end() - 1});
        raise(out->highest_said, e.completion);
      }
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kUnsupported && e.code() != ErrorCode::kNotFound) throw;
    out->unsupported = e.what();
  }
  return out;
}

const Evaluator* OwnExamples::of(const fs::path& variant, const std::string& name, TableRows rows, Progress& progress) {
  const auto files = represent::tokenizer_files(variant);
  if (!files) return nullptr;
  if (!base_files_) base_files_ = represent::tokenizer_files(base_.path());
  if (files == base_files_) return nullptr;
  auto place = seen_.find(*files);
  if (place == seen_.end()) place = seen_.emplace(*files, read(variant)).first;
  const Own& own = *place->second;
  if (!own.unsupported.empty())
    progress.note(name + ": evaluated with the base's tokenizer, as its own cannot be used: " + own.unsupported);
  if (!own.evaluator) return nullptr;
  const auto require = [&](std::int64_t highest, std::int64_t table, const char* what) {
    if (highest < table) return;
    throw Error(ErrorCode::kMismatch,
                std::string("the variant's own tokenizer gives a token that its ") + what +
                    " has no row for: was the adapter saved without its resized embedding?",
                {.path = variant.string(),
                 .expected = "tokens below " + std::to_string(table),
                 .found = std::to_string(highest)});
  };
  require(own.highest_read, rows.embedding, "embedding");
  require(own.highest_said, rows.head, "head");
  progress.note(name +
                ": evaluated with its own tokenizer, which reads these examples as other tokens than the base's");
  return &*own.evaluator;
}

}  // namespace deltascape::study
