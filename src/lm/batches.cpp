#include "lm/batches.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/machine.h"
#include "lm/generate.h"

namespace deltascape::engine {
namespace {

constexpr std::size_t kMostOfPasses = std::size_t{2} << 30;

// What a pass of so many rows takes, of which the longest sequence has `longest`: a block's streams, and its scores.
std::size_t pass_bytes(const model::ModelSpec& spec, std::int64_t rows, std::int64_t longest, at::ScalarType dtype) {
  const std::int64_t wide = std::max({spec.intermediate, spec.routing.intermediate + spec.routing.shared_intermediate,
                                      spec.recurrent.channels() + spec.recurrent.inner()});
  const std::int64_t row = 6 * spec.hidden + 3 * wide + (2 * spec.heads + 4 * spec.kv_heads) * spec.head_dim;
  return c10::elementSize(dtype) * static_cast<std::size_t>(rows * row + 3 * spec.heads * longest * longest);
}

// Rows that the variant puts before each sequence's own.
std::int64_t rows_before(const VariantOperators& variant) {
  return (variant.prefix.defined() ? variant.prefix.size(2) : 0) +
         (variant.virtual_rows.defined() ? variant.virtual_rows.size(0) : 0);
}

// Calls run(first, count) for sequences that go through the model together: length(i) is that of one, and each says
// `said` more tokens, whose keys and values are kept.
template <class Length, class Run>
void in_batches(const Asked& asked, std::size_t count, const Length& length, std::int64_t said, const Run& run) {
  const model::ModelSpec& spec = asked.weights.spec();
  const at::ScalarType dtype = asked.weights.dtype();
  const std::int64_t before = rows_before(asked.variant);
  const auto fits = [&](std::int64_t rows, std::int64_t longest, std::size_t sequences) {
    const std::size_t kept = said > 0 ? generated_bytes(spec, longest + said, dtype) : 0;
    return pass_bytes(spec, rows, longest, dtype) + sequences * kept <= asked.bytes;
  };
  for (std::size_t first = 0; first < count;) {
    std::size_t end = first;
    std::int64_t rows = 0, longest = 0;
    while (end < count && static_cast<std::int64_t>(end - first) < asked.together) {
      const std::int64_t n = before + length(end), more = std::max(longest, n);
      if (end > first && !fits(rows + n, more, end - first + 1)) break;
      rows += n, longest = more, ++end;
    }
    run(first, end - first);
    asked.advance(static_cast<std::int64_t>(end - first));
    first = end;
  }
}

}  // namespace

Shares::Shares(std::size_t memory, const model::Checkpoint& base, at::ScalarType dtype) {
  const std::size_t all = memory > 0 ? memory : available_memory() / 2;
  const std::size_t needed = base.parameters() * c10::elementSize(dtype);
  weights = std::max<std::size_t>(1, std::min(needed, all / 4 * 3));
  two = needed <= all / 8 * 3;
  const std::size_t held = two ? 2 * weights : weights;
  passes = all > held ? all - held : 0;
  if (memory == 0) passes = std::min(passes, kMostOfPasses);
}

std::vector<double> example_losses(const Asked& asked, std::span<const Example> examples) {
  const at::NoGradGuard no_grad;
  std::vector<double> out;
  in_batches(
      asked, examples.size(), [&](std::size_t i) { return examples[i].tokens(); }, 0,
      [&](std::size_t first, std::size_t count) {
        const auto part = examples.subspan(first, count);
        const at::Tensor tokens =
            completion_losses(asked.weights, asked.variant.operators, part,
                              {.prefix = asked.variant.prefix, .virtual_rows = asked.variant.virtual_rows});
        const at::Tensor sums = by_example(tokens.to(at::kDouble), part).contiguous();  // [count]
        out.insert(out.end(), sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + count);
      });
  return out;
}

std::vector<std::string> answers(const Asked& asked, std::span<const std::vector<std::int64_t>> prompts,
                                 const text::Detokenizer& detokenizer, const AnswerOptions& options) {
  GenerateOptions how{.tokens = options.tokens,
                      .prefix = asked.variant.prefix,
                      .virtual_rows = asked.variant.virtual_rows,
                      .logits = false};
  if (options.end) how.stops.push_back(*options.end);
  if (options.ended) how.ended = [&](std::span<const std::int64_t> ids) { return options.ended(detokenizer(ids)); };
  std::vector<std::string> out;
  in_batches(
      asked, prompts.size(), [&](std::size_t i) { return static_cast<std::int64_t>(prompts[i].size()); },
      options.tokens,
      [&](std::size_t first, std::size_t count) {
        const auto part = prompts.subspan(first, count);
        if (!options.random.empty()) {
          const auto own = options.random.subspan(first, count);
          how.random.assign(own.begin(), own.end());
        }
        for (auto& ids : generate(asked.weights, asked.variant.operators, {part.begin(), part.end()}, how).ids) {
          if (options.end && !ids.empty() && ids.back() == *options.end) ids.pop_back();
          out.push_back(detokenizer(ids));
        }
      });
  return out;
}

}  // namespace deltascape::engine
