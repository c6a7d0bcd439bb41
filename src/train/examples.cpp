#include "train/examples.h"

#include <algorithm>

#include "core/hash.h"
#include "deltascape/error.h"
#include "model/end_token.h"
#include "train/rows.h"

namespace deltascape::training {
namespace {

namespace fs = std::filesystem;
using engine::Example;
using Ids = std::vector<std::int64_t>;

constexpr std::int64_t kMostTokens = 2048;  // of an example, where the options say nothing

Ids ids_of(const text::Tokenizer& tokenizer, const std::string& text, bool special) {
  const auto ids = tokenizer.encode(text, {.add_special_tokens = special});
  return {ids.begin(), ids.end()};
}

std::int64_t limit_of(const TrainOptions& options, const model::ModelSpec& spec, std::int64_t before) {
  const std::int64_t learned = spec.positions > 0 ? spec.longest_text() - before : kMostTokens;
  if (options.max_tokens == 0) return std::min(learned, kMostTokens);
  if (spec.positions > 0 && options.max_tokens > learned)
    throw Error(ErrorCode::kUsage, "the model cannot read so many tokens",
                {.field = option("max_tokens"),
                 .expected = "at most " + std::to_string(learned),
                 .found = std::to_string(options.max_tokens)});
  return options.max_tokens;
}

// Turns rows into examples, one after the other.
class Reader {
 public:
  Reader(const TrainOptions& options, const model::Checkpoint& base, std::int64_t before)
      : options_(options),
        tokenizer_(base.tokenizer()),
        end_(model::end_token(base, *tokenizer_)),
        limit_(limit_of(options, base.spec(), before)) {}
  bool knows_end() const { return end_.has_value(); }
  std::int64_t limit() const { return limit_; }

  // Nothing where the row is too long and may be left out.
  std::optional<std::vector<Example>> read(const Row& row) const {
    std::vector<Example> out;
    for (const std::string& text : row.completions) {
      Example e = example_of(*tokenizer_, options_.data, row, text, end_);
      if (const std::int64_t tokens = e.tokens(); tokens > limit_) {
        if (options_.long_examples == "error") fail_long(row, tokens);
        const std::int64_t room = limit_ - static_cast<std::int64_t>(e.prompt.size());
        if (options_.long_examples == "skip" || room < 1) return {};
        e.completion.resize(static_cast<std::size_t>(room));
      }
      out.push_back(std::move(e));
    }
    return out;
  }

 private:
  [[noreturn]] void fail_long(const Row& row, std::int64_t tokens) const {
    throw Error(ErrorCode::kBadFile,
                "too long an example: raise " + option("max_tokens") + ", or give " + option("long_examples") +
                    " truncate or skip",
                {.path = options_.data,
                 .field = "line " + std::to_string(row.line),
                 .expected = "at most " + std::to_string(limit_) + " tokens",
                 .found = std::to_string(tokens)});
  }

  const TrainOptions& options_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  std::optional<std::int64_t> end_;
  std::int64_t limit_;
};

std::string hash_of(const std::vector<std::vector<Example>>& rows) {
  Hasher hasher;
  const auto add = [&](const Ids& ids) {
    hasher.update(std::to_string(ids.size())).update(std::as_bytes(std::span(ids)));
  };
  for (const auto& row : rows)
    for (const Example& e : row) add(e.prompt), add(e.completion);
  return hasher.hex();
}

}  // namespace

Example example_of(const text::Tokenizer& tokenizer, const fs::path& file, const Row& row,
                   const std::string& completion, std::optional<std::int64_t> end) {
  Example out{ids_of(tokenizer, row.prompt, true), ids_of(tokenizer, completion, false)};
  if (end) out.completion.push_back(*end);
  const auto require = [&](const Ids& ids, const std::string& missing) {
    if (ids.empty())
      throw Error(ErrorCode::kBadFile, missing, {.path = file.string(), .field = "line " + std::to_string(row.line)});
  };
  require(out.prompt, "a prompt without tokens, where the base begins texts with none");
  require(out.completion, "a completion without tokens");
  return out;
}

Examples read_examples(const TrainOptions& options, const model::Checkpoint& base, std::int64_t before,
                       Progress& progress) {
  const RowKind kind = options.loss == "dpo" ? RowKind::kPreference : RowKind::kCompletion;
  std::string told;
  const std::vector<Row> rows = read_rows(options.data, kind, options.max_examples, &told);
  if (!told.empty()) progress.note(options.data + ": " + told);
  const Reader reader(options, base, before);
  if (!reader.knows_end())
    progress.note("the base names no token that ends a text: completions are trained without one");
  Examples out;
  for (const Row& row : rows) {
    if (auto examples = reader.read(row)) out.rows.push_back(std::move(*examples));
    else ++out.skipped;
  }
  const std::string longer = " longer than " + std::to_string(reader.limit()) + " tokens";
  if (out.rows.empty()) throw Error(ErrorCode::kBadFile, "every example is" + longer, {.path = options.data});
  if (out.skipped > 0)
    progress.note("left out " + std::to_string(out.skipped) + " of " + std::to_string(rows.size()) + " examples" +
                  longer);
  out.hash = hash_of(out.rows);
  return out;
}

}  // namespace deltascape::training
