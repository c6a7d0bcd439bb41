// One step of LoRA training and prefix tuning through the differentiable execution, against PEFT in float64.
#include <ATen/core/Reduction.h>
#include <gmock/gmock.h>

#include <cmath>

#include "adapter/adapter.h"
#include "io/tensor_file.h"
#include "lm/generate.h"
#include "lm/likelihood.h"
#include "shape_goldens.h"

namespace deltascape::engine {
namespace {

using model::Module;
using testing::expect_close;
using testing::ShapeGolden;

class Training : public ::testing::TestWithParam<std::tuple<const char*, at::ScalarType>> {
 protected:
  at::ScalarType dtype() const { return std::get<1>(GetParam()); }
  // Sums over a few hundred products and 50 tokens, through all blocks and back.
  double relative() const { return dtype() == at::kDouble ? 1e-11 : 1e-4; }
};

// The adapter's operators as leaves of the graph.
Operators trainable(const ShapeGolden& golden, const model::Checkpoint& base, at::ScalarType dtype) {
  const auto adapter = adapter::Adapter::open(golden.folder / "lora", base);
  Operators out;
  for (const model::Site& site : base.spec().sites()) {
    adapter::ModuleOps ops = adapter->ops(site, dtype);
    for (adapter::LowRank& l : ops.low_rank) l.a.requires_grad_(true), l.b.requires_grad_(true);
    if (!ops.empty()) out[site] = ops;
  }
  return out;
}

// Mean cross-entropy of the completions' tokens.
at::Tensor loss(Weights& weights, const Operators& operators, const ShapeGolden& golden) {
  const auto prompts = golden.ids("train_prompts"), completions = golden.ids("train_completions");
  std::vector<Example> examples;
  for (std::size_t s = 0; s < prompts.size(); ++s) examples.push_back({prompts[s], completions[s]});
  return completion_losses(weights, operators, examples).mean();
}

void expect_relative(double got, double expected, double relative, const std::string& what) {
  EXPECT_NEAR(got, expected, std::abs(expected) * relative) << what;
}

TEST_P(Training, OneStepEqualsPeft) {
  const ShapeGolden golden = testing::shape_golden(std::get<0>(GetParam()));
  const auto base = golden.open();
  Weights weights(base, dtype());
  const double rate = 0.02, decay = 0.01, tiny = 1e-8;  // the golden's learning rate; torch.optim.AdamW's defaults
  for (const std::string step : {"sgd", "adamw"}) {
    Operators operators = trainable(golden, *base, dtype());
    at::Tensor l = loss(weights, operators, golden);
    expect_relative(l.item<double>(), golden.tensor("train_loss").item<double>(), relative(), "loss");
    l.backward();
    std::size_t count = 0;
    const at::NoGradGuard no_grad;
    for (auto& [site, ops] : operators)
      for (adapter::LowRank& low : ops.low_rank)
        for (auto& [suffix, p] : {std::pair<std::string, at::Tensor>{".lora_A", low.a}, {".lora_B", low.b}}) {
          const std::string key = "grad:model." + base->spec().hf_name(site) + suffix;
          const at::Tensor expected = golden.tensor(key), g = p.grad();
          const double scale = expected.norm().item<double>();
          ASSERT_GT(scale, 0) << key;
          EXPECT_LE((g.to(at::kDouble) - expected).norm().item<double>(), relative() * scale) << key;
          if (step == "sgd") p.sub_(g * rate);
          else p.mul_(1 - rate * decay).sub_(rate * g / (g.abs() + tiny));  // the first step of AdamW
          ++count;
        }
    EXPECT_EQ(count, 2u * 3 * base->spec().layers.size());
    expect_relative(loss(weights, operators, golden).item<double>(), golden.tensor("train_loss_" + step).item<double>(),
                    relative(), step);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Training,
                         ::testing::Combine(::testing::Values("llama", "gemma2"),
                                            ::testing::Values(at::kFloat, at::kDouble)),
                         [](const auto& p) {
                           return std::get<0>(p.param) +
                                  std::string(std::get<1>(p.param) == at::kFloat ? "_fp32" : "_fp64");
                         });

// Low-rank operators on every linear of a layer in each stack, experts' too.
Operators on_all_linears(const model::ModelSpec& spec) {
  Operators out;
  for (const model::Site& site : spec.sites()) {
    const auto shape = spec.shape(site.module);
    if (!model::in_block(site.module) || shape.size() != 2 || site.module == Module::kRelativeBias) continue;
    if (site.layer % 2 != 0) continue;
    const at::Tensor a = at::sin(at::arange(2 * shape[1], at::kDouble) * 1.7 + site.layer).view({2, shape[1]}) * 0.05;
    const at::Tensor b = at::cos(at::arange(2 * shape[0], at::kDouble) * 2.3 + site.expert).view({shape[0], 2}) * 0.05;
    out[site] = {.low_rank = {{a.clone().requires_grad_(true), b.clone().requires_grad_(true), 1.3}}};
  }
  return out;
}

at::Tensor scalar_of(Weights& weights, const Operators& operators, const testing::Ids& ids,
                     const TrainingPass& training = {}) {
  Batch batch{.lengths = testing::lengths(ids), .training = training};
  const bool encoder = weights.spec().stacks.size() == 2;
  at::Tensor h = embed_tokens(weights, operators, testing::joined(ids));
  if (encoder) {
    batch.memory = run_stack(weights, operators, batch, 0, h);
    batch.memory_lengths = batch.lengths;
  }
  h = run_stack(weights, operators, batch, encoder ? 1 : 0, h);
  return at::logsumexp(logits(weights, operators, h), {1}).sum();
}

class Gradients : public ::testing::TestWithParam<std::string> {};

// Through every kind of block, against finite differences along the gradient itself.
TEST_P(Gradients, EqualFiniteDifferences) {
  const ShapeGolden golden = testing::shape_golden(GetParam());
  Weights weights(golden.open(), at::kDouble);
  Operators operators = on_all_linears(weights.spec());
  const testing::Ids ids = {golden.ids()[1], {7, 11, 13, 17, 19, 23, 29}};
  scalar_of(weights, operators, ids).backward();
  const at::NoGradGuard no_grad;
  double square = 0;
  std::size_t reached = 0;
  std::vector<std::pair<at::Tensor, at::Tensor>> moved;  // each parameter and its gradient
  for (auto& [site, ops] : operators)
    for (const at::Tensor& p : {ops.low_rank[0].a, ops.low_rank[0].b}) {
      const at::Tensor g = p.grad();
      if (!g.defined()) continue;  // an expert that no row takes
      square += g.square().sum().item<double>();
      moved.emplace_back(p, g);
      ++reached;
    }
  EXPECT_GT(reached, operators.size());
  const double norm = std::sqrt(square), step = 1e-5;
  const auto at = [&](double by) {
    for (auto& [p, g] : moved) p.add_(g * (by / norm));
    const double value = scalar_of(weights, operators, ids).item<double>();
    for (auto& [p, g] : moved) p.sub_(g * (by / norm));
    return value;
  };
  EXPECT_NEAR((at(step) - at(-step)) / (2 * step), norm, 1e-6 * norm);
}

// Gradients of all operators' tensors, those that nothing reached as zeros; and the value.
std::vector<at::Tensor> gradients_of(Weights& weights, const testing::Ids& ids, const TrainingPass& training) {
  Operators operators = on_all_linears(weights.spec());
  const at::Tensor value = scalar_of(weights, operators, ids, training);
  value.backward();
  std::vector<at::Tensor> out = {value.detach()};
  for (const auto& [site, ops] : operators)
    for (const at::Tensor& p : {ops.low_rank[0].a, ops.low_rank[0].b})
      out.push_back(p.grad().defined() ? p.grad() : at::zeros_like(p));
  return out;
}

// Blocks whose results are made again, also with masks and with weights that are read again.
TEST_P(Gradients, AreTheSameWhenBlocksRunTwice) {
  const ShapeGolden golden = testing::shape_golden(GetParam());
  const testing::Ids ids = {golden.ids()[1], {7, 11, 13, 17, 19, 23, 29}};
  Weights weights(golden.open(), at::kDouble), few(golden.open(), at::kDouble);
  few.limit(1);
  for (const double dropout : {0.0, 0.25}) {
    const auto kept = gradients_of(weights, ids, {.dropout = dropout, .seed = 5});
    const auto again = gradients_of(few, ids, {.dropout = dropout, .seed = 5, .recompute = true});
    const auto other = gradients_of(weights, ids, {.dropout = dropout, .seed = 6});
    ASSERT_EQ(kept.size(), again.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const double scale = kept[i].norm().item<double>();
      EXPECT_LE((again[i] - kept[i]).norm().item<double>(), 1e-12 * scale) << i;
    }
    EXPECT_EQ(kept[0].equal(other[0]), dropout == 0);
  }
  EXPECT_LE(few.loaded(), 1u);
}

// Rows that all examples begin with are computed once: losses and gradients are those of each example alone.
TEST_P(Gradients, AreTheSameWhenExamplesShareTheirBeginning) {
  Weights weights(testing::shape_golden(GetParam()).open(), at::kDouble);
  if (!weights.spec().stacks.back().causal) GTEST_SKIP() << "an encoder alone has no completions";
  const std::vector<std::int64_t> beginning = {3, 14, 15, 9, 2, 6, 5, 35, 8, 9};
  std::vector<Example> examples = {{beginning, {7, 11, 2}}, {beginning, {5}}, {beginning, {13, 17, 19}}};
  examples[0].prompt.push_back(21);
  examples[2].prompt.insert(examples[2].prompt.end(), {22, 4});
  const auto run = [&](bool together, bool recompute) {
    const LikelihoodOptions options{.training = {.recompute = recompute}};
    const Operators operators = on_all_linears(weights.spec());
    at::Tensor losses = completion_losses(weights, operators, examples, options);
    if (!together) {
      std::vector<at::Tensor> each;
      for (const Example& e : examples) each.push_back(completion_losses(weights, operators, {&e, 1}, options));
      losses = at::cat(each);
    }
    (losses * at::arange(1, losses.size(0) + 1)).sum().backward();
    std::vector<at::Tensor> out = {losses.detach()};
    for (const auto& [site, ops] : operators)
      for (const at::Tensor& p : {ops.low_rank[0].a, ops.low_rank[0].b})
        if (p.grad().defined()) out.push_back(p.grad());
    return out;
  };
  const auto expected = run(false, false);
  for (const bool recompute : {false, true}) {
    const auto got = run(true, recompute);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      EXPECT_LE((got[i] - expected[i]).norm().item<double>(), 1e-11 * expected[i].norm().item<double>()) << i;
  }
}

// A head that is trained: its logits are made again for its gradients, a part of the rows at a time.
TEST(Likelihood, OfATrainedHead) {
  const auto base = testing::shape_golden("gemma2").open();
  Weights weights(base, at::kDouble);
  const at::Tensor table = weights({base->spec().tied_head ? Module::kEmbed : Module::kHead});
  const at::Tensor rows = at::sin(at::arange(300 * base->spec().hidden, at::kDouble)).view({300, -1});
  const at::Tensor targets = at::arange(300, at::kLong) % table.size(0);
  const auto gradients = [&](bool direct) {
    const at::Tensor hidden = rows.clone().requires_grad_(true), head = table.clone().requires_grad_(true);
    const Operators operators = {{{Module::kHead}, {.weight = head}}};
    const at::Tensor losses =
        direct ? at::cross_entropy_loss(logits(weights, operators, hidden), targets, {}, at::Reduction::None)
               : token_losses(weights, operators, hidden, targets);
    (losses * rows.select(1, 0)).sum().backward();
    return std::vector<at::Tensor>{losses.detach(), hidden.grad(), head.grad()};
  };
  const auto got = gradients(false), expected = gradients(true);
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_LE((got[i] - expected[i]).norm().item<double>(), 1e-12 * expected[i].norm().item<double>()) << i;
}

TEST(Likelihood, SharesWhatAllExamplesBeginWith) {
  const auto base = testing::shape_golden("llama").open();
  const std::vector<std::int64_t> beginning(12, 5);
  const std::vector<Example> same = {{beginning, {7}}, {beginning, {7, 8}}};
  EXPECT_EQ(shared_beginning(base->spec(), same), 11);  // each keeps a row of its own
  EXPECT_EQ(shared_beginning(base->spec(), same, {.training = {.dropout = 0.1}}), 0);
  EXPECT_EQ(shared_beginning(base->spec(), std::span(same).first(1)), 0);
  const std::vector<Example> other = {{beginning, {7}}, {{5, 5, 5, 6, 5, 5, 5, 5, 5}, {7}}};
  EXPECT_EQ(shared_beginning(base->spec(), other), 0);
}

INSTANTIATE_TEST_SUITE_P(Models, Gradients, ::testing::ValuesIn(testing::shape_names("shapes")),
                         [](const auto& p) { return p.param; });

class Prefix : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto file = io::open_safetensors(golden_.folder / "prefix" / "adapter_model.safetensors");
    const io::TensorInfo* t = file->find("prompt_embeddings");
    ASSERT_NE(t, nullptr);
    prefix_ = prefix_from_peft(weights_.spec(), model::decode_tensor(*file, *t, at::kDouble));
  }
  ShapeGolden golden_ = testing::shape_golden(GetParam());
  Weights weights_{golden_.open(), at::kDouble};
  at::Tensor prefix_;
};

TEST_P(Prefix, HiddenStatesAndTokensEqualPeft) {
  const at::NoGradGuard no_grad;
  const auto ids = golden_.ids();
  Cache cache(weights_.spec(), ids.size(), prefix_);
  std::vector<at::Tensor> states;
  run_stack(weights_, {}, {.lengths = testing::lengths(ids), .cache = &cache}, 0,
            embed_tokens(weights_, {}, testing::joined(ids)), &states);
  const at::Tensor expected = golden_.tensor("prefix_states");
  for (std::size_t i = 0; i < states.size(); ++i)
    expect_close(states[i], expected[static_cast<std::int64_t>(i)], "hidden " + std::to_string(i));
  const at::Tensor tokens = golden_.tensor("prefix_generated"), scores = golden_.tensor("prefix_generated_logits");
  const Generated got = generate(weights_, {}, ids, {.tokens = tokens.size(1), .prefix = prefix_});
  for (std::size_t s = 0; s < ids.size(); ++s) {
    const auto at = static_cast<std::int64_t>(s);
    EXPECT_TRUE(at::tensor(got.ids[s], at::kLong).equal(tokens[at])) << "sequence " << s;
    expect_close(got.logits[s], scores[at], "sequence " + std::to_string(s));
  }
}

// A trained prefix is a cache that requires a gradient: finite differences along one direction.
TEST_P(Prefix, HasAGradient) {
  const std::vector<std::int64_t> ids = {5, 9, 3, 40, 7};
  const auto value = [&](const at::Tensor& prefix) {
    Cache cache(weights_.spec(), 1, prefix);
    const at::Tensor h = run_stack(weights_, {}, {.lengths = {5}, .cache = &cache}, 0, embed_tokens(weights_, {}, ids));
    return at::logsumexp(logits(weights_, {}, h), {1}).sum();
  };
  at::Tensor leaf = prefix_.clone().requires_grad_(true);
  value(leaf).backward();
  const at::NoGradGuard no_grad;
  const at::Tensor direction = leaf.grad() / leaf.grad().norm();
  const double h = 1e-5,
               slope = (value(prefix_ + direction * h) - value(prefix_ - direction * h)).item<double>() / (2 * h);
  EXPECT_NEAR(slope, leaf.grad().norm().item<double>(), 1e-6 * slope);
}

TEST_P(Prefix, HasTheSameGradientWhenBlocksRunTwice) {
  const std::vector<Example> examples = {{{5, 9, 3}, {40, 7}}, {{11}, {2, 60, 4}}};
  const auto gradient = [&](bool recompute) {
    const at::Tensor leaf = prefix_.clone().requires_grad_(true);
    completion_losses(weights_, {}, examples, {.prefix = leaf, .training = {.recompute = recompute}}).sum().backward();
    return leaf.grad();
  };
  const at::Tensor kept = gradient(false), again = gradient(true);
  EXPECT_GT(kept.norm().item<double>(), 0);
  EXPECT_LE((again - kept).norm().item<double>(), 1e-12 * kept.norm().item<double>());
}

INSTANTIATE_TEST_SUITE_P(Models, Prefix, ::testing::Values("llama", "gemma3"),
                         [](const auto& p) { return std::string(p.param); });

TEST(Generation, StoppedSequencesLeaveTheBatch) {
  const ShapeGolden golden = testing::shape_golden("llama");
  Weights weights(golden.open(), at::kDouble);
  const Generated free = generate(weights, {}, golden.ids(), {.tokens = 6});
  const std::int64_t stop = free.ids[0][2];
  const Generated stopped = generate(weights, {}, golden.ids(), {.tokens = 6, .stops = {stop}});
  for (std::size_t s = 0; s < free.ids.size(); ++s) {
    std::vector<std::int64_t> expected = free.ids[s];
    const auto end = std::find(expected.begin(), expected.end(), stop);
    if (end != expected.end()) expected.erase(end + 1, expected.end());
    EXPECT_EQ(stopped.ids[s], expected);
    EXPECT_EQ(stopped.logits[s].size(0), static_cast<std::int64_t>(expected.size()));
  }
}

}  // namespace
}  // namespace deltascape::engine
