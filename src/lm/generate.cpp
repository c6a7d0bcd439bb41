#include "lm/generate.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
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

template <class T>
std::int64_t drawn(std::span<const T> scores, double u) {
  const auto most = static_cast<double>(*std::ranges::max_element(scores));
  std::vector<double> weights(scores.size());
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) sum += weights[i] = std::exp(static_cast<double>(scores[i]) - most);
  if (!std::isfinite(sum)) throw Error(ErrorCode::kNumeric, "NaN or Inf among the logits: cannot sample");
  double passed = 0;
  std::size_t last = 0;  // that may be drawn at all: rounding may leave the sum below u
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    passed += weights[i], last = i;
    if (passed > u * sum) break;
  }
  return static_cast<std::int64_t>(last);
}
template std::int64_t drawn(std::span<const float>, double);
template std::int64_t drawn(std::span<const double>, double);

std::size_t generated_bytes(const model::ModelSpec& spec, std::int64_t rows, at::ScalarType dtype) {
  const model::RecurrentSpec& r = spec.recurrent;
  std::int64_t elements = 0;
  for (int layer = spec.decoder_first(); layer < spec.layer_count(); ++layer)
    elements += spec.attends(layer) ? rows * spec.kv_heads * (spec.head_dim + spec.value_dim)
                                    : r.inner() * r.key_dim + r.kernel * r.channels();
  return c10::elementSize(dtype) * static_cast<std::size_t>(elements);
}

namespace {

// The likeliest token of each row, [sequences, vocabulary].
Ids likeliest(const at::Tensor& scores) {
  const at::Tensor best = scores.argmax(1);
  return {best.const_data_ptr<std::int64_t>(), best.const_data_ptr<std::int64_t>() + best.numel()};
}

// A run of sequences that leave the batch as they end.
class Decoding {
 public:
  Decoding(Weights& weights, const Operators& operators, const std::vector<Ids>& prompts,
           const GenerateOptions& options)
      : weights_(weights),
        operators_(operators),
        options_(options),
        encodes_(weights.spec().encodes_first()),
        cache_(weights.spec(), prompts.size(), rows_needed(prompts), at::TensorOptions(weights.dtype())),
        out_{std::vector<Ids>(prompts.size()), std::vector<at::Tensor>(options.logits ? prompts.size() : 0)},
        rows_(prompts.size()),
        running_(prompts.size()),
        random_(options.random) {
    std::iota(running_.begin(), running_.end(), std::size_t{0});
    if (options.prefix.defined()) cache_.start_with(options.prefix);
    batch_.virtual_rows = options.virtual_rows;
    next_ = prompts;
    if (encodes_) encode(prompts);
    batch_.cache = &cache_;
  }

  Generated all() {
    for (std::int64_t step = 0; step < options_.tokens && !running_.empty(); ++step) {
      batch_.lengths = lengths_of(next_);
      if (batch_.virtual_rows.defined())
        for (std::int64_t& n : batch_.lengths) n += batch_.virtual_rows.size(0);
      take(engine::logits(weights_, operators_, last_hidden()));
    }
    for (std::size_t s = 0; s < out_.logits.size(); ++s) out_.logits[s] = at::stack(rows_[s]);
    return std::move(out_);
  }

 private:
  std::int64_t rows_needed(const std::vector<Ids>& prompts) const {
    std::int64_t longest = 1;
    for (const Ids& p : prompts) longest = std::max(longest, encodes_ ? 1 : static_cast<std::int64_t>(p.size()));
    const std::int64_t before = options_.virtual_rows.defined() ? options_.virtual_rows.size(0) : 0;
    const std::int64_t prefix = options_.prefix.defined() ? options_.prefix.size(2) : 0;
    return prefix + before + longest + options_.tokens;
  }

  void encode(const std::vector<Ids>& prompts) {
    batch_.lengths = batch_.memory_lengths = lengths_of(prompts);
    batch_.memory = run_stack(weights_, operators_, batch_, 0, embed_tokens(weights_, operators_, joined(prompts)));
    next_.assign(prompts.size(), {weights_.spec().start_token});
  }

  // After the final norm, of each sequence's last row: [running, hidden].
  at::Tensor last_hidden() {
    const model::ModelSpec& spec = weights_.spec();
    AutogradOps ops(weights_, operators_, batch_);
    at::Tensor hidden = embed_tokens(weights_, operators_, joined(next_), &batch_);
    for (int layer = spec.decoder_first(); layer < spec.layer_count(); ++layer) {
      ops.enter(layer);
      hidden = model::run_block(spec, layer, ops, hidden);
    }
    hidden = hidden.index_select(0, last_rows(batch_.lengths));
    if (!hidden.isfinite().all().item<bool>())
      throw Error(ErrorCode::kNumeric, "NaN or Inf in the last block's output: cannot generate");
    return ops.ended(spec.stacks.back(), hidden);
  }

  // Adds a token to each running sequence, and lets go of those that end.
  void take(const at::Tensor& scores) {
    const Ids tokens = random_.empty() ? likeliest(scores) : sampled(scores);
    cache_.advance(batch_.lengths);
    for (std::size_t i = 0; i < running_.size(); ++i) {
      out_.ids[running_[i]].push_back(tokens[i]);
      next_[i] = {tokens[i]};
      if (options_.logits) rows_[running_[i]].push_back(scores[static_cast<std::int64_t>(i)]);
    }
    batch_.virtual_rows.reset();
    std::vector<std::size_t> order(running_.size());  // which of this step's sequences stands where in the next
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = 0; i < running_.size();)
      if (ends(out_.ids[running_[i]])) leave(i, order);
      else ++i;
    cache_.keep(order);
  }

  Ids sampled(const at::Tensor& scores) {
    Ids out(running_.size());
    const at::Tensor rows = scores.contiguous();
    const auto count = static_cast<std::size_t>(rows.size(1));
    AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "sampling", [&] {
      at::parallel_for(0, rows.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
          out[i] = drawn(std::span(rows.const_data_ptr<scalar_t>() + i * count, count), random_[running_[i]].uniform());
      });
    });
    return out;
  }

  bool ends(const Ids& said) const {
    return std::ranges::find(options_.stops, said.back()) != options_.stops.end() ||
           (options_.ended && options_.ended(said));
  }

  // The last one takes its place.
  void leave(std::size_t i, std::vector<std::size_t>& order) {
    const std::size_t last = running_.size() - 1;
    running_[i] = running_[last], order[i] = order[last];
    next_[i] = std::move(next_[last]);
    running_.pop_back(), order.pop_back(), next_.pop_back();
  }

  Weights& weights_;
  const Operators& operators_;
  const GenerateOptions& options_;
  bool encodes_;
  Cache cache_;
  Batch batch_;
  std::vector<Ids> next_;  // what each running sequence reads next
  Generated out_;
  std::vector<std::vector<at::Tensor>> rows_;  // the logits of each sequence so far
  std::vector<std::size_t> running_;           // which sequence stands where in the batch
  std::vector<Random> random_;                 // of each sequence, where tokens are sampled
};

}  // namespace

Generated generate(Weights& weights, const Operators& operators, const std::vector<Ids>& prompts,
                   const GenerateOptions& options) {
  const at::NoGradGuard no_grad;  // not inference mode: the weights stay usable by training
  const model::ModelSpec& spec = weights.spec();
  if (!spec.stacks.back().causal)
    throw Error(ErrorCode::kUnsupported, "an encoder generates nothing",
                {.found = std::string(spec.architecture->model_type)});
  for (const Ids& p : prompts)
    if (p.empty()) throw Error(ErrorCode::kUsage, "a prompt without tokens");
  if (!options.random.empty() && options.random.size() != prompts.size())
    throw Error(ErrorCode::kInternal, "as many random numbers as prompts are needed");
  if (prompts.empty() || options.tokens < 1)
    return {std::vector<Ids>(prompts.size()), std::vector<at::Tensor>(prompts.size())};
  return Decoding(weights, operators, prompts, options).all();
}

}  // namespace deltascape::engine
