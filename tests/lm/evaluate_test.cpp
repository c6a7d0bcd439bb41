// Every combination of operators on a linear, by every execution, against the formula of adapter/operators.h written
// out in float64; and its gradients by the one that has them.
#include "exec/evaluate.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "adapter/effective_weight.h"
#include "exec/delta_ops.h"
#include "exec/device_ops.h"
#include "lm/autograd_ops.h"
#include "pass/golden_run.h"

namespace deltascape::engine {
namespace {

using adapter::ModuleOps;
using adapter::Product;
using model::Module;

constexpr std::int64_t kInputs = 4, kLowRanks = 3, kProducts = 3;
constexpr std::int64_t kCombinations = kInputs * kLowRanks * kProducts * 2 * 2 * 2;

at::Tensor random(at::IntArrayRef shape, double size) { return at::randn(shape, at::kDouble).mul_(size); }

// The operators of combination i on a linear of this weight [out, in], in float64.
ModuleOps combination(std::int64_t i, const at::Tensor& weight) {
  const std::int64_t out = weight.size(0), in = weight.size(1);
  const auto digit = [&](std::int64_t count) { return std::exchange(i, i / count) % count; };
  ModuleOps ops;
  switch (digit(kInputs)) {
    case 1: ops.input = {.scale = random({in}, 0.1) + 1, .a = {}, .b = {}}; break;
    case 2: ops.input = {.scale = {}, .a = random({3, in}, 0.1), .b = random({3, in}, 0.1)}; break;
    case 3:
      ops.input = {.scale = {}, .a = {}, .b = {}, .blocks = at::eye(4, at::kDouble) + random({in / 4, 4, 4}, 0.05)};
      break;
    default: break;
  }
  const std::int64_t ranks[] = {5, 2};
  for (std::int64_t n = digit(kLowRanks); n > 0; --n)
    ops.low_rank.push_back({random({ranks[n - 1], in}, 0.1), random({out, ranks[n - 1]}, 0.1), 0.5 * double(n)});
  switch (digit(kProducts)) {
    case 1:
      ops.products.push_back({Product::Kind::kHadamard, 0.75, random({out, 3}, 0.2), random({3, in}, 0.2),
                              random({out, 2}, 0.2), random({2, in}, 0.2)});
      [[fallthrough]];
    case 2:
      ops.products.push_back(
          {Product::Kind::kKronecker, 1.5, random({out / 4, in / 8}, 0.1), random({4, 8}, 0.1), {}, {}});
      break;
    default: break;
  }
  if (digit(2)) ops.out_scale = random({out}, 0.1) + 1;
  if (digit(2)) ops.weight = weight + random({out, in}, 0.01);
  if (digit(2)) ops.bias = random({out}, 0.5);
  return ops;
}

template <class F>
void each_tensor(ModuleOps& ops, const F& f) {
  for (auto& l : ops.low_rank) f(l.a), f(l.b);
  for (auto& p : ops.products) f(p.left), f(p.right), f(p.left2), f(p.right2);
  if (ops.input) f(ops.input->scale), f(ops.input->a), f(ops.input->b), f(ops.input->blocks);
  f(ops.weight), f(ops.bias), f(ops.out_scale);
}

ModuleOps as(ModuleOps ops, at::ScalarType type) {
  each_tensor(ops, [&](at::Tensor& t) {
    if (t.defined()) t = t.to(type).clone();
  });
  return ops;
}

at::Tensor written_out(const ModuleOps& ops, const at::Tensor& x, const at::Tensor& base, const at::Tensor& base_bias) {
  at::Tensor read = x;
  if (ops.input && ops.input->scale.defined()) read = x * ops.input->scale;
  if (ops.input && ops.input->a.defined()) read = x + at::mm(at::mm(x, ops.input->a.t()), ops.input->b);
  if (ops.input && ops.input->blocks.defined()) read = at::mm(x, at::block_diag(ops.input->blocks.unbind(0)));
  at::Tensor y = at::mm(read, (ops.weight.defined() ? ops.weight : base).t());
  if (ops.out_scale.defined()) y = y * ops.out_scale;
  const at::Tensor& bias = ops.bias.defined() ? ops.bias : base_bias;
  if (bias.defined()) y = y + bias;
  for (const auto& l : ops.low_rank) y = y + at::mm(x, (l.scale * at::mm(l.b, l.a)).t());
  for (const auto& p : ops.products) {
    const at::Tensor change = p.kind == Product::Kind::kHadamard ? at::mm(p.left, p.right) * at::mm(p.left2, p.right2)
                                                                 : at::kron(p.left, p.right);
    y = y + at::mm(x, (p.scale * change).t());
  }
  return y;
}

void expect_near(const at::Tensor& got, const at::Tensor& expected, double bound, const std::string& what) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  const double error = (got.to(at::kDouble) - expected).norm().item<double>() / expected.norm().item<double>();
  EXPECT_LE(error, bound) << what;
}

double bound_of(at::ScalarType type) { return type == at::kDouble ? 1e-13 : 2e-6; }

// The value projection of a golden's first block (with a bias in qwen2), beside whose operators the queries have some.
class Linear : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr Module kModule = Module::kV;
  static constexpr model::Site kSite{kModule, 0};
  static constexpr std::size_t m = model::index(kModule);

  void SetUp() override {
    at::manual_seed(7);
    weight_ = f_.base->load(kSite, model::Param::kWeight, at::kDouble);
    if (f_.base->spec().has_bias(kModule)) bias_ = f_.base->load(kSite, model::Param::kBias, at::kDouble);
  }
  LayerOps layer_ops(const ModuleOps& ops, at::ScalarType type) const {
    model::PerModule<ModuleOps> all;
    all[m] = as(ops, type);
    const std::int64_t in = weight_.size(1);
    all[model::index(Module::kQ)].low_rank.push_back({at::randn({4, in}, type), at::randn({8, in}, type), 1});
    return LayerOps(std::move(all));
  }
  LayerWeights weights(at::ScalarType type, std::int64_t rows) const {
    LayerWeights out;
    out.linear[m] = PackedWeight(weight_.to(type), rows, rows);
    out.linear16[m] = PackedWeight(weight_.to(at::kBFloat16), rows, rows);
    if (bias_.defined()) out.bias[m] = bias_.to(type);
    return out;
  }

  const Fixture f_ = load(GetParam());
  at::Tensor weight_, bias_;
};

// What reads an identity has the columns of the weight.
TEST_P(Linear, RowsOfTheEffectiveWeightEqualTheFormula) {
  const std::int64_t half = weight_.size(0) / 2;
  for (std::int64_t i = 0; i < kCombinations; ++i) {
    ModuleOps ops = combination(i, weight_);
    const at::Tensor stands = ops.weight.defined() ? ops.weight : weight_;
    const at::Tensor rows = at::cat({adapter::effective_rows(ops, stands.narrow(0, 0, half), 0),
                                     adapter::effective_rows(ops, stands.narrow(0, half, half), half)});
    ops.bias.reset();
    expect_near(rows.t(), written_out(ops, at::eye(weight_.size(1), at::kDouble), weight_, {}), 1e-13,
                "combination " + std::to_string(i));
  }
}

// Variants of three combinations packed in the rows, plain and in delta, on the processor and as on a device.
TEST_P(Linear, PackedExecutionsEqualTheFormula) {
  const c10::InferenceMode inference;
  const std::int64_t each = f_.layout.tokens, in = weight_.size(1);
  const at::Tensor base_x = at::randn({each, in}, at::kDouble), x = base_x.repeat({3, 1}) + random({3 * each, in}, 0.1);
  const at::Tensor base_y = written_out({}, base_x, weight_, bias_);
  for (std::int64_t i = 0; i < kCombinations; ++i) {
    const std::string what = "combination " + std::to_string(i);
    const ModuleOps three[] = {combination(i, weight_), {}, combination((i + 100) % kCombinations, weight_)};
    std::vector<at::Tensor> parts;
    for (std::int64_t v = 0; v < 3; ++v)
      parts.push_back(written_out(three[v], x.narrow(0, v * each, each), weight_, bias_));
    const at::Tensor expected = at::cat(parts), moved = expected - base_y.repeat({3, 1});
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      std::vector<LayerOps> ops;
      for (const ModuleOps& one : three) ops.push_back(layer_ops(one, type));
      const LayerWeights shared = weights(type, 3 * each);
      const Attention attention(f_.base->spec(), f_.layout, 3, type);
      const LayerRun run{.base = *f_.base,
                         .spec = f_.base->spec(),
                         .layer = 0,
                         .weights = shared,
                         .layout = f_.layout,
                         .attention = attention,
                         .variants = ops,
                         .memory = {},
                         .tapped = {},
                         .exact = {}};
      expect_near(PlainOps(run).linear(kModule, x.to(type)), expected, bound_of(type), what);
      expect_near(DeviceOps(run, nullptr, nullptr).linear(kModule, x.to(type)), expected, bound_of(type), what);
      if (type == at::kDouble) continue;
      const LayerOps none[1];
      LayerRun of_base = run, exact_run = run;
      of_base.variants = none;
      exact_run.exact = f_.layout.last;
      Record twins;
      PlainOps(of_base, &twins).linear(kModule, base_x.to(type));
      const at::Tensor ours = DeltaOps(exact_run, twins).linear(kModule, x.to(type));
      const at::Tensor devices = DeviceOps(exact_run, &twins, nullptr).linear(kModule, x.to(type));
      for (const at::Tensor& y : {ours, devices}) {
        const auto rows = [&](const at::Tensor& t) { return t.view({3, each, -1}).index_select(1, f_.layout.last); };
        expect_near(y - base_y.repeat({3, 1}), moved, 4e-3, what + " moved");
        expect_near(rows(y), rows(expected), bound_of(type), what + " exact");
      }
      if (!PackedWeight::copies(at::kFloat, 1, 1 << 20)) continue;  // at::linear's bits go by the rows beside
      for (std::int64_t v = 0; v < 3; ++v) {
        LayerRun alone = exact_run;
        alone.variants = std::span(ops).subspan(static_cast<std::size_t>(v), 1);
        const at::Tensor own = x.narrow(0, v * each, each).to(type);
        EXPECT_TRUE(DeltaOps(alone, twins).linear(kModule, own).equal(ours.narrow(0, v * each, each)))
            << what << ", variant " << v << " alone";
      }
    }
  }
}

TEST_P(Linear, AutogradEqualsTheFormulaAndItsGradients) {
  const at::Tensor given = at::randn({9, weight_.size(1)}, at::kDouble),
                   toward = at::randn({9, weight_.size(0)}, at::kDouble);
  Weights weights(f_.base, at::kDouble);
  for (std::int64_t i = 0; i < kCombinations; ++i) {
    const ModuleOps ops = combination(i, weight_);
    const auto gradients = [&](const auto& linear) {
      ModuleOps own = as(ops, at::kDouble);
      std::vector<at::Tensor> leaves = {given.clone().requires_grad_(true)};
      each_tensor(own, [&](at::Tensor& t) {
        if (t.defined()) leaves.push_back(t.requires_grad_(true));
      });
      const at::Tensor y = linear(own, leaves[0]);
      std::vector<at::Tensor> out = torch::autograd::grad({(y * toward).sum()}, leaves);
      out.push_back(y.detach());
      return out;
    };
    const auto expected =
        gradients([&](const ModuleOps& own, const at::Tensor& x) { return written_out(own, x, weight_, bias_); });
    const auto got = gradients([&](const ModuleOps& own, const at::Tensor& x) {
      const Operators operators{{kSite, own}};
      const Batch batch{.lengths = {9}};
      AutogradOps execution(weights, operators, batch);
      execution.enter(0);
      return execution.linear(kModule, x);
    });
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t t = 0; t < got.size(); ++t)
      expect_near(got[t], expected[t], 1e-12, "combination " + std::to_string(i) + ", " + std::to_string(t));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Linear, ::testing::Values("llama", "qwen2"),
                         [](const auto& p) { return std::string(p.param); });

// An expert's rows are few, and of each variant another number.
TEST(ExpertLinear, EqualsTheFormula) {
  const c10::InferenceMode inference;
  const Fixture f = load("mixtral");
  const model::Site site{Module::kExpertUp, 0, 1};
  const at::Tensor weight = f.base->load(site, model::Param::kWeight, at::kDouble);
  const std::int64_t each = f.layout.tokens, in = weight.size(1);
  const std::vector<std::int64_t> rows = {0, 2, 3, each + 1, 2 * each, 2 * each + 4};
  const at::Tensor chosen = at::tensor(rows, at::kLong), x = at::randn({3 * each, in}, at::kDouble);
  at::Tensor experts = at::zeros({3 * each, 1}, at::kLong);
  experts.index_fill_(0, chosen, site.expert);
  for (std::int64_t i = 0; i < kCombinations; ++i) {
    const ModuleOps three[] = {combination(i, weight), {}, combination((i + 100) % kCombinations, weight)};
    std::vector<at::Tensor> parts;
    for (const std::int64_t r : rows) parts.push_back(written_out(three[r / each], x.narrow(0, r, 1), weight, {}));
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      std::vector<LayerOps> ops;
      for (const ModuleOps& one : three) {
        model::PerModule<ModuleOps> all;
        all[model::index(site.module)] = as(one, type);
        ops.emplace_back(std::move(all));
      }
      const Attention attention(f.base->spec(), f.layout, 3, type);
      const LayerWeights none{};
      const LayerRun run{.base = *f.base,
                         .spec = f.base->spec(),
                         .layer = 0,
                         .weights = none,
                         .layout = f.layout,
                         .attention = attention,
                         .variants = ops,
                         .memory = {},
                         .tapped = {},
                         .exact = {}};
      PlainOps block(run);
      at::Tensor got;
      block.experts(x.to(type), {experts, at::ones({3 * each, 1}, type)},
                    [&](model::BlockOps& own, const at::Tensor& read) {
                      const at::Tensor y = own.linear(site.module, read);
                      if (read.size(0) == chosen.size(0)) got = y;
                      return read;
                    });
      expect_near(got, at::cat(parts), bound_of(type), "combination " + std::to_string(i));
    }
  }
}

}  // namespace
}  // namespace deltascape::engine
