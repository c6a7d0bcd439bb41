#include "lm/recompute.h"

#include <ATen/core/Reduction.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <functional>

#include "lm/kept.h"

namespace deltascape::engine {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Everything that may want a gradient.
struct Inputs {
  at::Tensor hidden, memory{};
  Operators operators{};  // those that are used
  Cache::Layer known{};   // of the cache; empty without one
};

template <class Visit>
void visit(adapter::ModuleOps& ops, const Visit& v) {
  for (adapter::LowRank& l : ops.low_rank) v(l.a), v(l.b);
  v(ops.weight), v(ops.bias), v(ops.out_scale);
  for (adapter::Product& p : ops.products) v(p.left), v(p.right), v(p.left2), v(p.right2);
  if (ops.input) v(ops.input->scale), v(ops.input->a), v(ops.input->b), v(ops.input->blocks);
  v(ops.rows.rows);
}

// Every tensor that wants a gradient, in one order.
template <class Visit>
void visit(Inputs& in, const Visit& each) {
  const auto v = [&](at::Tensor& t) {
    if (t.defined() && t.requires_grad()) each(t);
  };
  v(in.hidden), v(in.memory);
  for (auto& [site, ops] : in.operators) visit(ops, v);
  v(in.known.k), v(in.known.v);
}

using Run = std::function<at::Tensor(const Inputs&)>;
struct Plan {
  Run run;
  Inputs inputs;
};

struct Recomputed : Function<Recomputed> {
  // The list: those of the plan's inputs that want a gradient.
  static at::Tensor forward(AutogradContext* ctx, at::TensorList, const Plan& plan) {
    keep(ctx, plan);
    return plan.run(plan.inputs);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const Plan& plan = kept<Plan>(ctx);
    Inputs own = plan.inputs;
    variable_list leaves;
    visit(own, [&](at::Tensor& t) { leaves.push_back(t = t.detach().requires_grad_(true)); });
    const at::AutoGradMode with_gradients(true);
    const at::Tensor y = plan.run(own);
    variable_list out = torch::autograd::grad({y}, leaves, {gradients[0]}, std::nullopt, false, /*allow_unused=*/true);
    out.emplace_back();  // the plan's
    return out;
  }
};

at::Tensor recomputed(Run run, Inputs inputs) {
  variable_list wanting;
  visit(inputs, [&](at::Tensor& t) { wanting.push_back(t); });
  return Recomputed::apply(at::TensorList(wanting), Plan{std::move(run), std::move(inputs)});
}

}  // namespace

at::Tensor recomputed_block(Weights& weights, const Operators& operators, const Batch& batch, int layer,
                            const at::Tensor& hidden) {
  Inputs inputs{hidden, batch.memory};
  for (const auto& [site, ops] : operators)
    if (site.layer == layer || site.module == model::Module::kRelativeBias) inputs.operators.emplace(site, ops);
  std::vector<std::int64_t> seen;
  if (batch.cache != nullptr) inputs.known = batch.cache->at(layer), seen = batch.cache->seen();
  return recomputed(
      [&weights, batch, layer, seen](const Inputs& in) {
        Batch own = batch;
        own.memory = in.memory;
        Cache cache(weights.spec().layer_count(), layer, in.known, seen);
        if (batch.cache != nullptr) own.cache = &cache;
        AutogradOps ops(weights, in.operators, own);
        ops.enter(layer);
        return model::run_block(weights.spec(), layer, ops, in.hidden);
      },
      std::move(inputs));
}

at::Tensor recomputed_losses(Weights& weights, const Operators& operators, const at::Tensor& hidden,
                             const at::Tensor& targets) {
  constexpr model::Site kHead{model::Module::kHead};
  Inputs inputs{hidden};
  if (const auto own = operators.find(kHead); own != operators.end()) inputs.operators.insert(*own);
  return recomputed(
      [&weights, targets](const Inputs& in) {
        return at::cross_entropy_loss(logits(weights, in.operators, in.hidden), targets, {}, at::Reduction::None);
      },
      std::move(inputs));
}

}  // namespace deltascape::engine
