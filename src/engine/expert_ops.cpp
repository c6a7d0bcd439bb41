// Owns experts in the packed executions: the rows that one expert got, of whichever variants, and that expert's
// weights. A linear of an expert is read when its rows are there and dropped after them, so that a layer's memory is
// one expert's, at the price of reading it again for the next chunk of variants.
#include <algorithm>

#include "deltascape/error.h"
#include "engine/plain_ops.h"

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
  PackedWeight shared(Site site, const at::Tensor& x) const;

  const LayerRun& run_;
  model::BlockOps& block_;
  int expert_;
  std::vector<std::int64_t> counts_;
};

PackedWeight ExpertOps::shared(Site site, const at::Tensor& x) const {
  const Timed timed(run_.breakdown, Work::kConvert);
  PackedWeight weight(run_.base.load(site, model::Param::kWeight, x.scalar_type()).to(x.device()), x.size(0),
                      x.size(0));
  run_.base.release(site, model::Param::kWeight);
  return weight;
}

at::Tensor ExpertOps::linear(Module module, const at::Tensor& x) {
  const Site site{module, run_.layer, expert_};
  std::vector<at::Tensor> parts;
  std::int64_t first = 0;
  at::Tensor all;  // through the base's weight, made when some variant has no other
  for (std::size_t v = 0; v < counts_.size(); first += counts_[v], ++v) {
    if (counts_[v] == 0) continue;
    const adapter::ModuleOps ops = run_.variants[v].expert(site);
    const at::Tensor rows = x.narrow(0, first, counts_[v]);
    at::Tensor y;
    if (ops.weight.defined()) {
      y = PackedWeight(ops.weight.to(x.device()), rows.size(0), rows.size(0)).apply(rows, {});
    } else {
      if (!all.defined()) all = shared(site, x).apply(x, {});
      y = all.narrow(0, first, counts_[v]);
    }
    for (const adapter::LowRank& l : ops.low_rank)
      y = y.addmm(product(rows, l.a.to(x.device())), l.b.to(x.device()).t(), 1, l.scale);
    parts.push_back(y);
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
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
    y.index_add_(0, e.rows, mlp(ops, x.index_select(0, e.rows)).mul_(e.weights));
  }
  return y;
}

at::Tensor PlainOps::experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) {
  return run_experts(run_, *this, x, routing, mlp);
}

}  // namespace deltascape::engine
