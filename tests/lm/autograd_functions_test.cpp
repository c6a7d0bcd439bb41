// The hand-written gradients: each against finite differences in float64, element by element, and in float against
// ATen's own chain of operations.
#include "lm/autograd_functions.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>

#include <ATen/core/Reduction.h>

#include "exec/aten_math.h"
#include "shape_goldens.h"

namespace deltascape::engine {
namespace {

using Function = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

at::Tensor random(std::vector<std::int64_t> shape, std::uint64_t seed, at::ScalarType type = at::kDouble) {
  at::manual_seed(seed);
  return at::randn(shape, type);
}

std::vector<at::Tensor> gradients(const Function& f, const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> leaves;
  for (const at::Tensor& x : inputs) leaves.push_back(x.detach().clone().requires_grad_(true));
  const at::Tensor y = f(leaves);
  const at::Tensor weights = random(y.sizes().vec(), 99, at::kDouble).to(y.scalar_type());
  return torch::autograd::grad({y}, leaves, {weights});
}

// d of a random sum of the outputs, for every element of every input.
void expect_gradients(const Function& f, const std::vector<at::Tensor>& inputs, const std::string& what) {
  const std::vector<at::Tensor> got = gradients(f, inputs);
  const at::NoGradGuard no_grad;
  const at::Tensor weights = random(f(inputs).sizes().vec(), 99);
  const auto value = [&](const std::vector<at::Tensor>& x) { return (f(x) * weights).sum().item<double>(); };
  constexpr double kStep = 1e-5;  // errors: step² of the curvature, and eps of the value over the step, near 1e-10 both
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    at::Tensor expected = at::empty_like(inputs[i]).flatten();
    for (std::int64_t e = 0; e < expected.numel(); ++e) {
      const auto moved = [&](double by) {
        std::vector<at::Tensor> x = inputs;
        x[i] = x[i].clone();
        x[i].view(-1)[e] += by;
        return value(x);
      };
      expected[e] = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    }
    const double scale = expected.norm().item<double>();
    ASSERT_GT(scale, 0) << what;
    EXPECT_LE((got[i].flatten() - expected).norm().item<double>(), 1e-8 * scale) << what << ", input " << i;
  }
}

// Values and gradients of two ways to compute the same, relative to their size.
void expect_same(const Function& f, const Function& other, const std::vector<at::Tensor>& inputs, double tolerance,
                 const std::string& what) {
  std::vector<at::Tensor> got = gradients(f, inputs), expected = gradients(other, inputs);
  got.push_back(f(inputs));
  expected.push_back(other(inputs));
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].sizes(), expected[i].sizes()) << what;
    const at::Tensor e = expected[i].to(at::kDouble);
    EXPECT_LE((got[i].to(at::kDouble) - e).norm().item<double>(), tolerance * e.norm().item<double>())
        << what << ", " << i;
  }
}

constexpr double kFloatSums = 1e-5;  // a hundred roundings of float

class Llama : public ::testing::Test {
 protected:
  std::shared_ptr<const model::Checkpoint> base_ = testing::shape_golden("llama").open();
  Weights doubles_{base_, at::kDouble}, floats_{base_, at::kFloat}, rounded_{base_, at::kFloat, at::kBFloat16};
  std::int64_t hidden_ = base_->spec().hidden;
};

TEST_F(Llama, FrozenLinear) {
  const model::Site site{model::Module::kUp, 1};
  const std::int64_t out = base_->spec().intermediate;
  const std::vector<at::Tensor> inputs = {random({5, hidden_}, 1), random({3, hidden_}, 2), random({out, 3}, 3)};
  const at::Tensor bias = random({out}, 4);
  const auto fused = [&](Weights& w) {
    return [&w, site, bias](const std::vector<at::Tensor>& x) {
      const adapter::LowRank pair{x[1], x[2], 1.7};
      return frozen_linear(w, site, x[0], bias.to(x[0].scalar_type()), &pair);
    };
  };
  expect_gradients(fused(doubles_), inputs, "with a low-rank part");
  expect_gradients([&](const auto& x) { return frozen_linear(doubles_, site, x[0], bias, nullptr); }, {inputs[0]},
                   "alone");
  const auto chain = [&](const std::vector<at::Tensor>& x) {
    const at::ScalarType type = x[0].scalar_type();
    return at::linear(x[0], doubles_(site).to(type), bias.to(type)) + at::linear(at::linear(x[0], x[1]), x[2]) * 1.7;
  };
  std::vector<at::Tensor> floats;
  for (const at::Tensor& x : inputs) floats.push_back(x.to(at::kFloat));
  expect_same(fused(floats_), chain, floats, kFloatSums, "in float");
  expect_same(fused(rounded_), chain, floats, 0.02, "in bfloat16");  // a few roundings of 2^-8, averaged
}

TEST(AutogradFunctions, RmsNorm) {
  for (const std::int64_t width : {3, 8, 17, 40}) {
    const at::Tensor weight = random({width}, 5);
    expect_gradients([&](const auto& x) { return rms_normalised(x[0], weight, 1e-5); }, {random({3, 2 * width}, 6)},
                     "width " + std::to_string(width));
    const auto chain = [&](const std::vector<at::Tensor>& x) {
      const at::Tensor runs = x[0].view({-1, width});
      return (runs * at::rsqrt(runs.square().mean({1}, true) + 1e-5) * weight.to(at::kFloat)).view(x[0].sizes());
    };
    expect_same([&](const auto& x) { return rms_normalised(x[0], weight.to(at::kFloat), 1e-5); }, chain,
                {random({3, 2 * width}, 6, at::kFloat)}, kFloatSums, "in float");
  }
}

TEST(AutogradFunctions, Gates) {
  for (const auto activation : {model::Activation::kSilu, model::Activation::kGeluTanh}) {
    ASSERT_TRUE(has_fused_gate(activation));
    const auto fused = [&](const std::vector<at::Tensor>& x) { return fused_gate(activation, x[0], x[1]); };
    const auto chain = [&](const std::vector<at::Tensor>& x) { return gated(activation, x[0], x[1]); };
    expect_gradients(fused, {random({3, 13}, 7), random({3, 13}, 8)}, "gate");
    expect_same(fused, chain, {random({7, 37}, 7, at::kFloat) * 4, random({7, 37}, 8, at::kFloat)}, kFloatSums,
                "in float");
  }
}

TEST(AutogradFunctions, Dropout) {
  const auto f = [](std::uint64_t key) {
    return [key](const std::vector<at::Tensor>& x) { return dropped(x[0], 0.3, key); };
  };
  expect_gradients(f(11), {random({4, 9}, 9)}, "dropout");
  const at::Tensor ones = at::ones({400, 500});
  const at::Tensor once = f(11)({ones}), again = f(11)({ones}), other = f(12)({ones});
  EXPECT_TRUE(once.equal(again));
  // A share of 0.3, and of two masks 0.09, with binomial deviations of 0.001 and 0.0006.
  EXPECT_NEAR((once == 0).to(at::kDouble).mean().item<double>(), 0.3, 0.006);
  EXPECT_NEAR(((once == 0) & (other == 0)).to(at::kDouble).mean().item<double>(), 0.09, 0.004);
  EXPECT_NEAR(once.max().item<double>(), 1 / 0.7, 1e-6);
}

TEST(AutogradFunctions, PackedAttention) {
  for (const bool interleaved : {false, true})
    for (const bool causal : {false, true}) {
      PackedAttention p{.lengths = {5, 1, 3},
                        .shared = 0,
                        .angles = {},
                        .heads = 4,
                        .kv_heads = 2,
                        .head_dim = 6,
                        .value_dim = 6,
                        .scale = 0.4};
      p.causal = causal;
      p.turn = {.dim = 6, .turned = 4, .offset = 1, .interleaved = interleaved};
      model::RopeSpec rope{.dim = 4, .offset = 1, .interleaved = interleaved};
      const auto of_type = [&](at::ScalarType type) {
        PackedAttention own = p;
        for (const std::int64_t n : p.lengths) {
          const Angles a = rope_angles(rope, 0, n, n);
          own.angles.push_back({a.cos.to(type).contiguous(), a.sin.to(type).contiguous()});
        }
        return own;
      };
      const auto fused = [&](const std::vector<at::Tensor>& x) {
        return packed_attention(of_type(x[0].scalar_type()), x[0], x[1], x[2]);
      };
      const std::vector<at::Tensor> inputs = {random({9, 24}, 13), random({9, 12}, 14), random({9, 12}, 15)};
      expect_gradients(fused, inputs, "attention");
      // The steps of AutogradOps::attention.
      model::ModelSpec spec;
      spec.attention_scale = 0.4;
      const auto chain = [&](const std::vector<at::Tensor>& x) {
        std::vector<at::Tensor> out;
        std::int64_t row = 0;
        for (const std::int64_t n : p.lengths) {
          const auto heads = [&](std::size_t i) { return x[i].narrow(0, row, n).view({n, -1, 6}); };
          const at::Tensor q = rotate(rope, heads(0), 0, n).transpose(0, 1), k = rotate(rope, heads(1), 0, n);
          at::Tensor mask;
          if (causal) mask = at::full({n, n}, -1e30, x[0].options()).triu(1);
          out.push_back(attend(spec, q, k.transpose(0, 1), heads(2).transpose(0, 1), mask));
          row += n;
        }
        return at::cat(out);
      };
      expect_same(fused, chain, inputs, 1e-12, "in double");
    }
}

TEST(AutogradFunctions, HeadLosses) {
  for (const char* name : {"llama", "gemma2"}) {  // gemma2: capped logits
    const auto base = testing::shape_golden(name).open();
    Weights doubles(base, at::kDouble), floats(base, at::kFloat), rounded(base, at::kFloat, at::kBFloat16);
    const model::Site head{base->spec().tied_head ? model::Module::kEmbed : model::Module::kHead};
    const at::Tensor targets = at::arange(4, at::kLong) * 7;
    const auto fused = [&](Weights& w) {
      return [&w, head, targets](const std::vector<at::Tensor>& x) {
        return head_losses(w, head, x[0], targets.repeat({x[0].size(0) / 4}));
      };
    };
    const at::Tensor few = random({4, base->spec().hidden}, 17) * 3;
    expect_gradients(fused(doubles), {few}, name);
    const auto chain = [&](const std::vector<at::Tensor>& x) {
      const at::Tensor z = logits(floats, {}, x[0]);
      return at::cross_entropy_loss(z, targets.repeat({x[0].size(0) / 4}), {}, at::Reduction::None);
    };
    const at::Tensor many = few.repeat({75, 1}).to(at::kFloat);  // several parts
    expect_same(fused(floats), chain, {many}, kFloatSums, name);
    expect_same(fused(rounded), chain, {many}, 0.02, std::string(name) + " in bfloat16");
  }
}

}  // namespace
}  // namespace deltascape::engine
