// Every kind of adapter in memory, run by the differentiable execution, against transformers and PEFT in float64.
#include "lm/adapter_operators.h"

#include <algorithm>

#include "deltascape/error.h"
#include "lm/generate.h"
#include "pass/taps.h"
#include "shape_goldens.h"

namespace deltascape::engine {
namespace {

using testing::GoldenCase;
using testing::Ids;

// hidden_states of each text's last token, mean over the texts: [layers + 1, hidden]. Of an encoder-decoder those of
// its decoder at its first token.
at::Tensor mean_states(Weights& weights, const VariantOperators& variant, const Ids& texts) {
  const model::ModelSpec& spec = weights.spec();
  const auto last = static_cast<int>(spec.stacks.size()) - 1;
  Batch batch{.lengths = testing::lengths(texts), .virtual_rows = variant.virtual_rows};
  std::vector<std::int64_t> ids = testing::joined(texts);
  if (variant.virtual_rows.defined())
    for (std::int64_t& n : batch.lengths) n += variant.virtual_rows.size(0);
  if (last == 1) {
    batch.memory = run_stack(weights, variant.operators, batch, 0, embed_tokens(weights, variant.operators, ids));
    batch.memory_lengths = batch.lengths;
    batch.lengths.assign(texts.size(), 1);
    ids.assign(texts.size(), spec.start_token);
  }
  std::optional<Cache> cache;
  if (variant.prefix.defined()) batch.cache = &cache.emplace(spec, texts.size(), variant.prefix);
  std::vector<at::Tensor> states;
  run_stack(weights, variant.operators, batch, last, embed_tokens(weights, variant.operators, ids, &batch), &states);
  std::vector<std::int64_t> ends = batch.lengths;
  for (std::size_t s = 0; s < ends.size(); ++s) ends[s] += s == 0 ? -1 : ends[s - 1];
  return stacked(std::move(states)).index_select(1, at::tensor(ends, at::kLong)).mean(1);
}

class AdapterOperators : public ::testing::TestWithParam<std::size_t> {};

// Those that embed() reads at the last token, all layers.
std::vector<GoldenCase> cases() {
  std::vector<GoldenCase> out;
  try {
    out = testing::golden_cases();
  } catch (const std::exception&) {
    return {GoldenCase{}};  // the test then says what is missing
  }
  std::erase_if(out, [](const GoldenCase& c) { return c.layer != "all" || c.position != "last" || !c.probes.empty(); });
  return out;
}

TEST_P(AdapterOperators, GivePeftsHiddenStates) {
  const GoldenCase golden = cases().at(GetParam());
  SCOPED_TRACE(golden.name);
  const auto arrays = io::read_npz(golden.npz);
  const Ids texts =
      io::parse_json(std::get<std::vector<std::string>>(arrays.at("tokens").values).at(0), "tokens").get<Ids>();
  const auto& reference = testing::doubles(arrays.at("embeddings"));
  const auto& hidden = testing::doubles(arrays.at("base_mean"));
  const at::NoGradGuard no_grad;
  const auto base = model::Checkpoint::open(golden.base);
  Weights weights(base, at::kDouble);
  const at::Tensor of_base = mean_states(weights, {}, texts);
  const auto dim = static_cast<std::size_t>(of_base.size(1));
  for (std::size_t i = 0; i < golden.variants.size(); ++i) {
    const auto& [name, path] = golden.variants[i];
    SCOPED_TRACE(name);
    at::Tensor delta;
    if (adapter::holds_adapter(path)) {
      std::shared_ptr<const adapter::Adapter> adapter;
      try {
        adapter = adapter::Adapter::open(path, *base);
      } catch (const Error& e) {
        EXPECT_TRUE(golden.kinds && e.code() == ErrorCode::kUnsupported) << e.what();
        continue;
      }
      delta = mean_states(weights, operators_of(*adapter, base->spec(), at::kDouble), texts) - of_base;
    } else {
      Weights own(model::Checkpoint::open(path), at::kDouble);
      delta = mean_states(own, {}, texts) - of_base;
    }
    const at::Tensor rows = delta.to(at::kFloat).contiguous();
    ASSERT_EQ(static_cast<std::size_t>(rows.numel()), hidden.size());
    for (std::size_t row = 0; row < hidden.size(); row += dim)
      testing::expect_parity(std::span(rows.const_data_ptr<float>() + row, dim),
                             std::span(reference).subspan(i * hidden.size() + row, dim),
                             std::span(hidden).subspan(row, dim), true, "layer " + std::to_string(row / dim));
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, AdapterOperators, ::testing::Range<std::size_t>(0, cases().size()),
                         [](const auto& p) { return "case" + std::to_string(p.param); });

}  // namespace
}  // namespace deltascape::engine
