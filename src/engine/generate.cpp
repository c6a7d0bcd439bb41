#include "engine/generate.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <numeric>

#include "deltascape/error.h"

namespace deltascape::engine {
namespace {

using Ids = std::vector<std::int64_t>;

std::vector<std::int64_t> lengths_of(const std::vector<Ids>& sequences) {
  std::vector<std::int64_t> out;
  for (const Ids& s : sequences) out.push_back(static_cast<std::int64_t>(s.size()));
  return out;
}

Ids joined(const std::vector<Ids>& sequences) {
  Ids out;
  for (const Ids& s : sequences) out.insert(out.end(), s.begin(), s.end());
  return out;
}

// The rows of each sequence's last token.
at::Tensor last_rows(const std::vector<std::int64_t>& lengths) {
  std::vector<std::int64_t> ends(lengths.size());
  std::partial_sum(lengths.begin(), lengths.end(), ends.begin());
  return at::tensor(ends, at::kLong) - 1;
}

}  // namespace

at::Tensor prefix_from_peft(const model::ModelSpec& spec, const at::Tensor& p) {
  const std::int64_t parts = 2 * spec.layer_count(), width = parts * spec.kv_heads * spec.head_dim;
  if (p.dim() != 2 || p.size(1) != width)
    throw Error(ErrorCode::kMismatch, "a prefix of another model",
                {.field = "prompt_embeddings",
                 .expected = "[virtual tokens, " + std::to_string(width) + "]",
                 .found = p.dim() == 2 ? "[…, " + std::to_string(p.size(1)) + "]" : "no matrix"});
  return p.view({p.size(0), parts, spec.kv_heads, spec.head_dim}).permute({1, 2, 0, 3});
}

Cache prefix_cache(const model::ModelSpec& spec, const at::Tensor& prefix, std::size_t sequences) {
  Cache cache(spec.layer_count(), sequences);
  for (int layer = 0; layer < spec.layer_count(); ++layer)
    for (std::size_t s = 0; s < sequences; ++s) {
      cache.at(layer, s).k = prefix[2 * layer];
      cache.at(layer, s).v = prefix[2 * layer + 1];
    }
  return cache;
}

Generated generate(Weights& weights, const Operators& operators, const std::vector<Ids>& prompts,
                   const GenerateOptions& options) {
  const at::NoGradGuard no_grad;  // not inference mode: the weights stay usable by training
  const model::ModelSpec& spec = weights.spec();
  if (!spec.stacks.back().causal)
    throw Error(ErrorCode::kUnsupported, "an encoder generates nothing",
                {.found = std::string(spec.architecture->model_type)});
  for (const Ids& p : prompts)
    if (p.empty()) throw Error(ErrorCode::kUsage, "a prompt without tokens");
  Generated out{std::vector<Ids>(prompts.size()), std::vector<at::Tensor>(prompts.size())};
  if (prompts.empty() || options.tokens < 1) return out;

  Cache cache = options.prefix.defined() ? prefix_cache(spec, options.prefix, prompts.size())
                                         : Cache(spec.layer_count(), prompts.size());
  const int decoder = static_cast<int>(spec.stacks.size()) - 1;
  Batch batch;
  batch.lengths = lengths_of(prompts);
  std::vector<Ids> next = prompts;
  if (decoder == 1) {
    const at::Tensor rows = embed_tokens(weights, operators, joined(prompts));
    batch.memory = run_stack(weights, operators, batch, 0, rows);
    batch.memory_lengths = batch.lengths;
    next.assign(prompts.size(), {spec.start_token});
  }
  batch.cache = &cache;

  std::vector<std::size_t> running(prompts.size());  // which sequence stands where in the batch
  std::iota(running.begin(), running.end(), std::size_t{0});
  std::vector<std::vector<at::Tensor>> rows(prompts.size());
  for (std::int64_t step = 0; step < options.tokens && !running.empty(); ++step) {
    batch.lengths = lengths_of(next);
    at::Tensor hidden = embed_tokens(weights, operators, joined(next), &batch);
    hidden = run_stack(weights, operators, batch, decoder, hidden).index_select(0, last_rows(batch.lengths));
    const at::Tensor scores = logits(weights, operators, hidden);  // [running, vocabulary]
    const at::Tensor best = scores.argmax(1);
    std::vector<std::size_t> kept;
    next.clear();
    for (std::size_t i = 0; i < running.size(); ++i) {
      const std::int64_t token = best[static_cast<std::int64_t>(i)].item<std::int64_t>();
      out.ids[running[i]].push_back(token);
      rows[running[i]].push_back(scores[static_cast<std::int64_t>(i)]);
      if (std::find(options.stops.begin(), options.stops.end(), token) != options.stops.end()) continue;
      kept.push_back(i);
      next.push_back({token});
    }
    cache.keep(kept);
    for (std::size_t& i : kept) i = running[i];
    running = std::move(kept);
  }
  for (std::size_t s = 0; s < prompts.size(); ++s) out.logits[s] = at::stack(rows[s]);
  return out;
}

}  // namespace deltascape::engine
