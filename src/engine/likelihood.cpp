#include "engine/likelihood.h"

#include "deltascape/error.h"
#include "engine/generate.h"

namespace deltascape::engine {
namespace {

using Ids = std::vector<std::int64_t>;

// Rows that a stack reads, packed, and those among them that a completion's token follows.
struct Rows {
  Ids ids, lengths, before;
  void add(const Ids& first, std::span<const std::int64_t> rest, std::size_t completion) {
    ids.insert(ids.end(), first.begin(), first.end());
    ids.insert(ids.end(), rest.begin(), rest.end());
    lengths.push_back(static_cast<std::int64_t>(first.size() + rest.size()));
    for (std::size_t i = ids.size() - completion; i < ids.size(); ++i) before.push_back(static_cast<std::int64_t>(i));
  }
};

}  // namespace

at::Tensor completion_losses(Weights& weights, const Operators& operators, std::span<const Example> examples,
                             const LikelihoodOptions& options) {
  const model::ModelSpec& spec = weights.spec();
  if (!spec.stacks.back().causal)
    throw Error(ErrorCode::kUnsupported, "an encoder says nothing of the next token",
                {.found = std::string(spec.architecture->model_type)});
  Batch batch{.training = options.training};
  Rows rows, encoded;
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
  std::optional<Cache> cache;
  if (options.prefix.defined()) batch.cache = &cache.emplace(prefix_cache(spec, options.prefix, examples.size()));
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
