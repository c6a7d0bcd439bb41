// Owns experts in the packed executions: the rows that one expert got, of whichever variants, and that expert's
// weights. A linear of an expert is read when its rows are there and dropped after them, so that a layer's memory is
// one expert's, at the price of reading it again for the next chunk of variants.
#include "deltascape/error.h"
#include "exec/plain_ops.h"

namespace deltascape::engine {
namespace {

using model::Module;
using model::Site;

// The operations of one expert's MLP. Rows stand variant after variant, so many of each.
class ExpertOps final : public model::BlockOps {
 public:
  ExpertOps(const LayerRun& run, model::BlockOps& block, int expert, std::vector<std::int64_t> counts)
      : run_(run), block_(block), expert_(expert), counts_(std::move(counts)) {}

  at::Tensor linear(Module module, const at::Tensor& x) override;
  at::Tensor gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) override {
    return block_.gate(activation, std::move(gate), up);
  }
  at::Tensor norm(Module, const at::Tensor&) override { no_part(); }
  at::Tensor attention(const model::LayerSpec&, const at::Tensor&, const at::Tensor&, const at::Tensor&) override {
    no_part();
  }
  at::Tensor needed(const at::Tensor&) override { no_part(); }
  at::Tensor add(at::Tensor, const at::Tensor&) override { no_part(); }

 private:
  [[noreturn]] static void no_part() { throw Error(ErrorCode::kInternal, "no part of an expert"); }

  const LayerRun& run_;
  model::BlockOps& block_;
  int expert_;
  std::vector<std::int64_t> counts_;
};

// One of the expert's linears; the base's weight is read when some variant has no other.
class ExpertSteps final : public LinearSteps {
 public:
  ExpertSteps(const LayerRun& run, Site site) : run_(run), site_(site) {}
  at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t) override {
    if (!weight_.defined()) weight_ = PackedWeight(loaded(model::Param::kWeight, x), x.size(0), x.size(0));
    return weight_.apply(x, bias);
  }
  at::Tensor loaded(model::Param param, const at::Tensor& like) const {
    const Timed timed(run_.breakdown, Work::kConvert);
    const at::Tensor out = run_.base.load(site_, param, like.scalar_type()).to(like.device());
    run_.base.release(site_, param);
    return out;
  }

 private:
  const LayerRun& run_;
  Site site_;
  PackedWeight weight_;
};

at::Tensor ExpertOps::linear(Module module, const at::Tensor& x) {
  const Site site{module, run_.layer, expert_};
  ExpertSteps steps(run_, site);
  at::Tensor bias;
  if (run_.base.spec().has_bias(module)) bias = steps.loaded(model::Param::kBias, x);
  std::vector<adapter::ModuleOps> ops(counts_.size());
  std::vector<LinearTerms> terms;
  for (std::size_t v = 0; v < counts_.size(); ++v) {
    if (counts_[v] == 0) continue;
    ops[v] = run_.variants[v].expert(site);
    terms.push_back(terms_of(ops[v], counts_[v], bias));
  }
  return evaluate(steps, terms, x, bias);
}

}  // namespace

at::Tensor run_experts(const LayerRun& run, model::BlockOps& block, const at::Tensor& x, const model::Routing& routing,
                       const model::ExpertMlp& mlp) {
  at::Tensor y = at::zeros_like(x);
  const std::int64_t each = x.size(0) / static_cast<std::int64_t>(run.variants.size());
  for (const model::ExpertRows& e : model::by_expert(routing)) {
    std::vector<std::int64_t> counts(run.variants.size());
    const at::Tensor rows = e.rows.cpu();
    const std::int64_t* row = rows.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < rows.size(0); ++i) ++counts[static_cast<std::size_t>(row[i] / each)];
    ExpertOps ops(run, block, e.expert, std::move(counts));
    y.index_add_(0, e.rows, e.given(mlp(ops, e.read(x))));
  }
  return y;
}

at::Tensor PlainOps::experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) {
  return run_experts(run_, *this, x, routing, mlp);
}

}  // namespace deltascape::engine
