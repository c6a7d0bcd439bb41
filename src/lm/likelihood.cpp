#include "lm/likelihood.h"

#include <algorithm>
#include <limits>

#include "deltascape/error.h"

namespace deltascape::engine {
namespace {

using Ids = std::vector<std::int64_t>;

// Rows that a stack reads, packed, and those among them that a completion's token follows.
struct Rows {
  std::int64_t virtual_rows = 0;  // before each text's own
  std::int64_t shared = 0;        // at the beginning of every text, there once for all
  std::int64_t count = 0;
  Ids ids, lengths, before;
  void add(const Ids& first, std::span<const std::int64_t> rest, std::size_t completion) {
    Ids text = first;
    text.insert(text.end(), rest.begin(), rest.end());
    const bool begins = lengths.empty();
    const std::int64_t rows = virtual_rows + static_cast<std::int64_t>(text.size());
    if (begins) count += shared;
    ids.insert(ids.end(), text.begin() + (begins ? 0 : shared), text.end());
    lengths.push_back(rows - shared);
    for (std::int64_t i = rows - static_cast<std::int64_t>(completion); i < rows; ++i)
      before.push_back(i < shared ? i : count + i - shared);
    count += lengths.back();
  }
};

// Fewer rows at the beginning are not worth the copies of their keys and values.
constexpr std::int64_t kWorthSharing = 8;

}  // namespace

std::int64_t shared_beginning(const model::ModelSpec& spec, std::span<const Example> examples,
                              const LikelihoodOptions& options) {
  // With masks each text's rows are its own.
  if (examples.size() < 2 || options.training.dropout > 0 || options.prefix.defined() ||
      options.virtual_rows.defined() || spec.encodes_first())
    return 0;
  std::int64_t same = std::numeric_limits<std::int64_t>::max(), longest = 0;
  const Ids& first = examples.front().prompt;
  for (const Example& e : examples) {
    const std::int64_t rows = e.tokens() - 1;
    const auto [own, end] = std::ranges::mismatch(e.prompt, first);
    same = std::min({same, static_cast<std::int64_t>(own - e.prompt.begin()), rows - 1});
    longest = std::max(longest, rows);
  }
  return same >= kWorthSharing && shares_beginnings(spec, longest) ? same : 0;
}

at::Tensor completion_losses(Weights& weights, const Operators& operators, std::span<const Example> examples,
                             const LikelihoodOptions& options) {
  const model::ModelSpec& spec = weights.spec();
  if (!spec.stacks.back().causal)
    throw Error(ErrorCode::kUnsupported, "an encoder does not predict the next token",
                {.found = std::string(spec.architecture->model_type)});
  Batch batch{.training = options.training};
  Rows rows{.virtual_rows = options.virtual_rows.defined() ? options.virtual_rows.size(0) : 0,
            .shared = shared_beginning(spec, examples, options)},
      encoded;
  Ids targets;
  for (const Example& e : examples) {
    // The last token of a completion is read by nobody.
    const std::span<const std::int64_t> seen(e.completion.data(), e.completion.size() - 1);
    if (spec.encodes_first()) encoded.add(e.prompt, {}, 0);
    rows.add(spec.encodes_first() ? Ids{spec.start_token} : e.prompt, seen, e.completion.size());
    targets.insert(targets.end(), e.completion.begin(), e.completion.end());
  }
  if (spec.encodes_first()) {
    batch.lengths = encoded.lengths;
    batch.memory = run_stack(weights, operators, batch, 0, embed_tokens(weights, operators, encoded.ids, &batch));
    batch.memory_lengths = encoded.lengths;
  }
  batch.lengths = rows.lengths;
  batch.shared = rows.shared;
  batch.virtual_rows = options.virtual_rows;
  std::optional<Cache> cache;
  if (options.prefix.defined()) batch.cache = &cache.emplace(spec, examples.size(), options.prefix);
  const at::Tensor hidden = run_stack(weights, operators, batch, static_cast<int>(spec.stacks.size()) - 1,
                                      embed_tokens(weights, operators, rows.ids, &batch));
  return token_losses(weights, operators, hidden.index_select(0, at::tensor(rows.before, at::kLong)),
                      at::tensor(targets, at::kLong));
}

at::Tensor by_example(const at::Tensor& losses, std::span<const Example> examples) {
  Ids sizes;
  for (const Example& e : examples) sizes.push_back(static_cast<std::int64_t>(e.completion.size()));
  std::vector<at::Tensor> sums;
  for (const at::Tensor& part : losses.split_with_sizes(sizes)) sums.push_back(part.sum());
  return at::stack(sums);
}

}  // namespace deltascape::engine
