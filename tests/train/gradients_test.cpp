// Finite differences of what every method trains, on a tiny model of every shape a block may have.
#include "lm/shape_goldens.h"
#include "train/method.h"
#include "train/objective.h"

namespace deltascape::training {
namespace {

using testing::ShapeGolden;

using Case = std::tuple<std::string, std::string>;

class Gradients : public ::testing::TestWithParam<Case> {};

// Two rows of two completions each: as preferences have them, and as much data as a sum needs.
Examples some_examples(const ShapeGolden& golden) {
  const auto ids = golden.ids();
  Examples out;
  for (const auto& row : {ids[0], ids[1]}) {
    const std::vector<std::int64_t> prompt(row.begin(), row.begin() + 2);
    out.rows.push_back({{prompt, {row.begin() + 2, row.end()}}, {prompt, {11, 13}}});
  }
  return out;
}

TEST_P(Gradients, EqualFiniteDifferences) {
  const auto& [name, method_name] = GetParam();
  const ShapeGolden golden = testing::shape_golden(name);
  engine::Weights weights(golden.open(), at::kDouble);
  TrainOptions options;
  options.method = method_name, options.rank = 2, options.virtual_tokens = 3;
  const Examples examples = some_examples(golden);
  const auto entry =
      std::ranges::find(methods(), method_name, [](const MethodEntry& m) { return std::string(m.name); });
  std::unique_ptr<Method> method;
  try {
    method = entry->make({options, weights, {}, examples.rows});
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUnsupported) << e.what();
    const auto& spec = weights.spec();
    EXPECT_TRUE(
        (method_name == "full" && spec.routing.experts > 0) ||
        (method_name == "prefix" && (spec.latent.kv_rank > 0 || spec.encodes_first() || spec.recurrent.heads > 0)))
        << e.what();
    return;
  }
  {  // LoRA's B begins at zero, where A has no gradient.
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < method->parameters().size(); ++i) {
      at::Tensor p = method->parameters()[i].value;
      p.add_(at::sin(at::arange(p.numel(), at::kDouble) * 1.7 + static_cast<double>(i)).view(p.sizes()), 0.02);
    }
  }
  const std::vector<std::size_t> rows = {0, 1};
  const auto objective = supervised(weights, examples);
  const auto loss = [&] {
    const Variant variant = method->variant();
    return objective->loss({variant, rows, {}});
  };
  loss().backward();
  // Each kind of tensor (q_proj's A, its B, a norm's weight …) by itself, along its own gradient.
  std::map<std::string, std::vector<at::Tensor>> kinds;
  for (const Parameter& p : method->parameters()) {
    std::string kind;
    for (const char c : p.name)
      if (c < '0' || c > '9') kind += c;
    kinds[kind].push_back(p.value);
  }
  const at::NoGradGuard no_grad;
  for (const auto& [kind, tensors] : kinds) {
    double square = 0;
    for (const at::Tensor& p : tensors)
      if (p.grad().defined()) square += p.grad().square().sum().item<double>();
    const double norm = std::sqrt(square), step = 1e-6;
    // A tensor that gets no gradient (of k's bias, which moves all of a query's scores alike, nothing but rounding
    // comes) must have none in any direction.
    const bool nothing = norm < 1e-9;
    const auto move = [&](double by) {
      for (at::Tensor p : tensors) {
        if (nothing) p.add_(at::cos(at::arange(p.numel(), at::kDouble)).view(p.sizes()), by);
        else if (p.grad().defined()) p.add_(p.grad(), by / norm);
      }
    };
    const auto at = [&](double by) {
      move(by);
      const double value = loss().item<double>();
      move(-by);
      return value;
    };
    const double value = std::abs(loss().item<double>());
    // The difference's own error: curvature, and the rounding of two losses over the step.
    EXPECT_NEAR((at(step) - at(-step)) / (2 * step), nothing ? 0 : norm, 1e-5 * norm + 1e-14 * value / step) << kind;
  }
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const std::string kind : {"shapes", "embedded"})
    for (const std::string& name : testing::shape_names(kind))
      for (const MethodEntry& method : methods()) out.emplace_back(name, method.name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Models, Gradients, ::testing::ValuesIn(cases()),
                         [](const auto& p) { return std::get<0>(p.param) + "_" + std::get<1>(p.param); });

}  // namespace
}  // namespace deltascape::training
