// The shape of the block (docs/design.md §3.2): tiny models of every kind of attention, position, MLP and stack,
// through the differentiable execution, against transformers in float64; and the executions against each other.
#include <gmock/gmock.h>

#include <algorithm>
#include <utility>

#include "adapter/adapter.h"
#include "deltascape/error.h"
#include "lm/generate.h"
#include "pass/engine.h"
#include "shape_goldens.h"

namespace deltascape::engine {
namespace {

using testing::expect_close;
using testing::ShapeGolden;

std::vector<std::string> all_names() {
  std::vector<std::string> out = testing::shape_names("shapes");
  for (const std::string& n : testing::shape_names("embedded"))
    if (n != out.back()) out.push_back(n);  // without goldens both are the one name "missing"
  return out;
}

// BLOOM's own GELU has sqrt(2/pi) with eight digits: 1e-9 apart from the function, which float64 sees. Llama 4's q and
// k get the length one after they have turned, here before: angles of float32 change it by some 1e-8. A decay is the
// exponential of a difference of sums, which loses a rounding for each unit of their size.
double units(const std::string& name, at::ScalarType dtype) {
  const bool recurs = name.starts_with("granite_hybrid") || name == "qwen3_next" || name == "qwen3_5";
  if (dtype == at::kDouble && name.starts_with("bloom")) return 1e8;
  if (dtype == at::kDouble && name.starts_with("llama4")) return 1e9;
  return recurs ? 300 : 100;
}

class Shape : public ::testing::TestWithParam<std::tuple<std::string, at::ScalarType>> {
 protected:
  std::string name() const { return std::get<0>(GetParam()); }
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
};

void expect_states(const std::vector<at::Tensor>& states, const at::Tensor& expected, const std::string& what,
                   double units) {
  ASSERT_EQ(static_cast<std::int64_t>(states.size()), expected.size(0)) << what;
  const at::Tensor got = stacked(states);
  for (std::int64_t i = 0; i < got.size(0); ++i)
    expect_close(got[i], expected[i], what + " " + std::to_string(i), units);
}

// Every sequence through all stacks, against arrays `prefix`encoder_states, `prefix`states and `prefix`logits.
void expect_forward(const ShapeGolden& golden, Weights& weights, const Operators& operators, const std::string& prefix,
                    double bound) {
  testing::Ids ids = golden.ids();
  Batch batch{.lengths = testing::lengths(ids)};
  std::vector<at::Tensor> states;
  int stack = 0;
  if (weights.spec().stacks.size() == 2) {
    const at::Tensor rows = embed_tokens(weights, operators, testing::joined(ids));
    batch.memory = run_stack(weights, operators, batch, 0, rows, &states);
    expect_states(states, golden.tensor(prefix + "encoder_states"), prefix + "encoder", bound);
    batch.memory_lengths = batch.lengths;
    for (auto& row : ids) row.push_back(weights.spec().start_token), std::reverse(row.begin(), row.end());
    batch.lengths = testing::lengths(ids);
    states.clear();
    stack = 1;
  }
  const at::Tensor rows = embed_tokens(weights, operators, testing::joined(ids), &batch);
  const at::Tensor last = run_stack(weights, operators, batch, stack, rows, &states);
  expect_states(states, golden.tensor(prefix + "states"), prefix + "hidden", bound);
  expect_close(logits(weights, operators, last), golden.tensor(prefix + "logits"), prefix + "logits", bound);
}

TEST_P(Shape, HiddenStatesAndLogitsEqualTransformers) {
  const at::NoGradGuard no_grad;
  const ShapeGolden golden = testing::shape_golden(name());
  Weights weights(golden.open(), dtype());
  expect_forward(golden, weights, {}, "", units(name(), dtype()));
}

TEST_P(Shape, GreedyTokensEqualTransformers) {
  const ShapeGolden golden = testing::shape_golden(name());
  Weights weights(golden.open(), dtype());
  const at::Tensor expected = golden.tensor("generated"), scores = golden.tensor("generated_logits");
  const Generated got = generate(weights, {}, golden.ids(), {.tokens = expected.size(1)});
  for (std::size_t s = 0; s < got.ids.size(); ++s) {
    const auto at = static_cast<std::int64_t>(s);
    EXPECT_TRUE(at::tensor(got.ids[s], at::kLong).equal(expected[at])) << "sequence " << s;
    expect_close(got.logits[s], scores[at], "sequence " + std::to_string(s), units(name(), dtype()));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Shape, ::testing::Combine(::testing::ValuesIn(all_names()), ::testing::Values(at::kFloat, at::kDouble)),
    [](const auto& p) { return std::get<0>(p.param) + (std::get<1>(p.param) == at::kFloat ? "_fp32" : "_fp64"); });

class Adapters : public ::testing::TestWithParam<const char*> {};

TEST_P(Adapters, OnThePartsOfAFamilyEqualPeft) {
  const at::NoGradGuard no_grad;
  const ShapeGolden golden = testing::shape_golden(GetParam());
  Weights weights(golden.open(), at::kDouble);
  const auto adapter = adapter::Adapter::open(golden.folder / "lora", weights.checkpoint());
  Operators operators;
  for (const model::Site& site : weights.spec().sites())
    if (auto ops = adapter->ops(site, at::kDouble); !ops.empty()) operators[site] = ops;
  expect_forward(golden, weights, operators, "lora_", units(GetParam(), at::kDouble));
}

INSTANTIATE_TEST_SUITE_P(Models, Adapters,
                         ::testing::Values("t5", "t5_gated", "bloom", "deepseek_v2", "gpt_oss", "llama4",
                                           "granite_hybrid", "granite_hybrid_moe", "qwen3_next", "qwen3_5"),
                         [](const auto& p) { return std::string(p.param); });

TEST(Experts, AreReadOnlyWhereRowsAreRouted) {
  const at::NoGradGuard no_grad;
  const ShapeGolden golden = testing::shape_golden("deepseek_v2");
  Weights few(golden.open(), at::kFloat), many(golden.open(), at::kFloat);
  run_stack(few, {}, {.lengths = {1}}, 0, embed_tokens(few, {}, {5}));
  const auto ids = testing::joined(golden.ids());
  run_stack(many, {}, {.lengths = {static_cast<std::int64_t>(ids.size())}}, 0, embed_tokens(many, {}, ids));
  // One row takes `chosen` experts of three tensors in each layer that has experts.
  const model::RoutingSpec& r = few.spec().routing;
  const std::size_t sparse = 2;
  EXPECT_EQ(many.loaded() - few.loaded(), static_cast<std::size_t>(r.experts - r.chosen) * 3 * sparse);
}

TEST(Experts, OperatorsOfOneExpertTouchItsRowsAlone) {
  const at::NoGradGuard no_grad;
  const ShapeGolden golden = testing::shape_golden("mixtral");
  Weights weights(golden.open(), at::kDouble);
  const auto ids = testing::joined(golden.ids());
  const Batch batch{.lengths = {static_cast<std::int64_t>(ids.size())}};
  const model::Site site{model::Module::kExpertDown, 2, 3};
  const at::Tensor a = at::ones({2, weights.spec().routing.intermediate}, at::kDouble) * 0.1;
  const at::Tensor b = at::ones({weights.spec().hidden, 2}, at::kDouble) * 0.3;
  const Operators low_rank{{site, {.low_rank = {{a, b, 1.5}}}}};
  const Operators merged{{site, {.weight = weights(site) + at::matmul(b, a) * 1.5}}};
  const auto run = [&](const Operators& ops) {
    std::vector<at::Tensor> states;
    run_stack(weights, ops, batch, 0, embed_tokens(weights, ops, ids), &states);
    return states.back();
  };
  const at::Tensor plain = run({}), lora = run(low_rank);
  expect_close(lora, run(merged), "low rank against merged");
  const at::Tensor moved = (lora - plain).abs().sum(1) > 0;
  EXPECT_TRUE(moved.any().item<bool>());
  EXPECT_FALSE(moved.all().item<bool>());
}

TEST(Names, GoThereAndBack) {
  for (const std::string& name : all_names()) {
    const auto checkpoint = testing::shape_golden(name).open();
    for (const model::Site& site : checkpoint->spec().sites())
      EXPECT_EQ(checkpoint->spec().site_of(checkpoint->spec().hf_name(site)), site)
          << name << " " << checkpoint->spec().hf_name(site);
  }
}

class Executions : public ::testing::TestWithParam<std::tuple<std::string, at::ScalarType>> {};

// What a folder of the golden changes, in the form of each execution.
struct Changed {
  std::string name;
  Variant packed;
  std::shared_ptr<const model::Checkpoint> weights;
  Operators operators;
};

std::vector<Changed> variants_of(const ShapeGolden& golden, const std::shared_ptr<const model::Checkpoint>& base,
                                 at::ScalarType dtype) {
  std::vector<Changed> out;
  if (std::filesystem::exists(golden.folder / "lora")) {
    const auto adapter = adapter::Adapter::open(golden.folder / "lora", *base);
    Operators operators;
    for (const model::Site& site : base->spec().sites())
      if (auto ops = adapter->ops(site, dtype); !ops.empty()) operators[site] = ops;
    Changed& c = out.emplace_back();
    c.name = "lora", c.packed.adapter = adapter, c.weights = base, c.operators = std::move(operators);
  }
  if (std::filesystem::exists(golden.folder / "full")) {
    const std::shared_ptr<const model::Checkpoint> full = model::Checkpoint::open(golden.folder / "full");
    Changed& c = out.emplace_back();
    c.name = "full", c.packed.full = full, c.weights = full;
  }
  return out;
}

// Rows of the last tokens after each block, of a decoder beside an encoder those of its first step: [taps, probes,
// hidden].
at::Tensor differentiable(const Changed& v, const testing::Ids& ids, const Layout& layout, at::ScalarType dtype) {
  Weights weights(v.weights, dtype);
  Batch batch{.lengths = testing::lengths(ids)};
  std::vector<at::Tensor> states;
  at::Tensor rows = embed_tokens(weights, v.operators, testing::joined(ids), &batch);
  if (!weights.spec().encodes_first()) {
    run_stack(weights, v.operators, batch, 0, rows, &states);
    return stacked(std::move(states)).index_select(1, layout.last);
  }
  batch.memory = run_stack(weights, v.operators, batch, 0, rows);
  batch.memory_lengths = std::exchange(batch.lengths, std::vector<std::int64_t>(ids.size(), 1));
  rows = embed_tokens(weights, v.operators, std::vector<std::int64_t>(ids.size(), weights.spec().start_token));
  run_stack(weights, v.operators, batch, 1, rows, &states);
  return stacked(std::move(states));
}

// The packed execution of `embed` and the differentiable one give the same hidden states: base, LoRA, full finetune.
TEST_P(Executions, Agree) {
  const auto& [name, dtype] = GetParam();
  const at::NoGradGuard no_grad;
  const ShapeGolden golden = testing::shape_golden(name);
  const auto base = golden.open();
  const std::vector<Changed> changed = variants_of(golden, base, dtype);
  std::vector<Variant> variants;
  for (const Changed& c : changed) variants.push_back(c.packed);
  const auto ids = golden.ids();
  const Layout layout = make_layout(ids);
  const Taps taps = parse_taps("all", "last", base->spec());
  const Precision precision = dtype == at::kDouble ? Precision::kFp64 : Precision::kFp32;
  const RunResult packed = run(*base, variants, layout, taps, {.precision = precision}, silent_progress());
  expect_close(packed.base, differentiable({"base", {}, base, {}}, ids, layout, dtype), "base");
  for (std::size_t v = 0; v < changed.size(); ++v) {
    ASSERT_FALSE(packed.variants[v].error) << packed.variants[v].error->what();
    const at::Tensor expected = differentiable(changed[v], ids, layout, dtype);
    expect_close(packed.base + packed.variants[v].delta, expected, changed[v].name);
    // An encoder-decoder's golden begins with the same start token, and goes on.
    if (const std::string states = changed[v].name + "_states"; golden.has(states) && !base->spec().encodes_first())
      expect_close(expected, golden.tensor(states).index_select(1, layout.last), changed[v].name + " and the oracle",
                   units(name, dtype));
  }
}

// The same of encoders alone, whose goldens are those of `embed`: they generate nothing.
TEST(Encoders, RunAlikeInBothExecutions) {
  const at::NoGradGuard no_grad;
  const testing::Ids ids = {{2, 17, 40, 9, 101, 7, 3}, {2, 8, 3}};
  const Layout layout = make_layout(ids);
  for (const char* name : {"bert", "roberta", "mpnet", "distilbert"}) {
    const std::filesystem::path folder = testing::models_folder() / name;
    const std::shared_ptr<const model::Checkpoint> base = model::Checkpoint::open(folder / "base"),
                                                   full = model::Checkpoint::open(folder / "full_all");
    const auto adapter = adapter::Adapter::open(folder / "lora_saved", *base);
    Operators operators;
    for (const model::Site& site : base->spec().sites())
      if (auto ops = adapter->ops(site, at::kDouble); !ops.empty()) operators[site] = ops;
    const RunResult packed =
        run(*base, {{adapter, nullptr}, {nullptr, full}}, layout, parse_taps("all", "last", base->spec()),
            {.precision = Precision::kFp64}, silent_progress());
    const std::string what = name;
    expect_close(packed.base, differentiable({"base", {}, base, {}}, ids, layout, at::kDouble), what);
    expect_close(packed.base + packed.variants[0].delta,
                 differentiable({"lora", {}, base, operators}, ids, layout, at::kDouble), what + " with an adapter");
    expect_close(packed.base + packed.variants[1].delta,
                 differentiable({"full", {}, full, {}}, ids, layout, at::kDouble), what + " finetuned");
    Weights weights(base, at::kFloat);
    EXPECT_THROW(generate(weights, {}, ids, {.tokens = 1}), Error);
  }
}

// Attention propagates deltas, experts run in fp32 on full values: bfloat16's rounding of the delta is what is left.
// A token near the border between two experts would take the other one.
TEST(Experts, RunInFullPrecisionWhereDeltaIsAsked) {
  const ShapeGolden golden = testing::shape_golden("mixtral");
  const auto base = golden.open();
  const std::vector<Changed> changed = variants_of(golden, base, at::kFloat);
  std::vector<Variant> variants;
  for (const Changed& c : changed) variants.push_back(c.packed);
  const Layout layout = make_layout(golden.ids());
  const Taps taps = parse_taps("all", "last", base->spec());
  const RunResult delta = run(*base, variants, layout, taps,
                              {.precision = Precision::kDelta, .full_precision = Precision::kDelta}, silent_progress());
  const RunResult plain = run(*base, variants, layout, taps, {.precision = Precision::kFp32}, silent_progress());
  for (std::size_t v = 0; v < variants.size(); ++v) {
    EXPECT_EQ(delta.variants[v].precision, Precision::kFp32);
    EXPECT_TRUE(delta.variants[v].delta.equal(plain.variants[v].delta)) << changed[v].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Executions,
                         ::testing::Combine(::testing::ValuesIn(all_names()),
                                            ::testing::Values(at::kFloat, at::kDouble)),
                         [](const auto& p) {
                           return std::get<0>(p.param) + (std::get<1>(p.param) == at::kFloat ? "_fp32" : "_fp64");
                         });

}  // namespace
}  // namespace deltascape::engine
