#include "represent/head.h"

#include <algorithm>
#include <numeric>

#include "deltascape/error.h"
#include "exec/evaluate.h"

namespace deltascape::represent {
namespace {

using model::Module;
using model::Param;

constexpr std::size_t kPart = std::size_t{64} << 20;  // bytes of a part of the table, where memory allows as much

// A variant's own weight is used as it is stored: in float64 it would take twice its bytes at once.
class Steps final : public engine::LinearSteps {
 public:
  explicit Steps(const Head& head) : LinearSteps(adapter::aten_linear), head_(head) {}
  at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t) override {
    return with(head_.product(x), bias);
  }
  at::Tensor own(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::size_t) override {
    return with(head_.product(x, weight), bias);
  }

 private:
  static at::Tensor with(at::Tensor y, const at::Tensor& bias) { return bias.defined() ? y.add_(bias) : y; }
  const Head& head_;
};

// The operators without rows beyond the base's vocabulary, and in float64 but for the weight.
adapter::ModuleOps fitted(adapter::ModuleOps ops, std::int64_t rows) {
  const auto wide = [](at::Tensor& t) {
    if (t.defined()) t = t.to(at::kDouble);
  };
  const auto cut = [&](at::Tensor& t) {
    if (t.defined() && t.size(0) > rows) t = t.narrow(0, 0, rows);
  };
  for (auto& l : ops.low_rank) wide(l.a), wide(l.b), cut(l.b);
  for (auto& p : ops.products) wide(p.left), wide(p.right), wide(p.left2), wide(p.right2);
  if (ops.input) wide(ops.input->scale), wide(ops.input->a), wide(ops.input->b), wide(ops.input->blocks);
  wide(ops.bias), wide(ops.out_scale), wide(ops.rows.rows);
  cut(ops.weight), cut(ops.bias), cut(ops.out_scale);
  if (ops.rows.defined()) {
    const at::Tensor known = at::nonzero(ops.rows.ids < rows).squeeze(1);
    ops.rows = {ops.rows.ids.index_select(0, known), ops.rows.rows.index_select(0, known)};
  }
  return ops;
}

}  // namespace

Head::Head(const model::Checkpoint& model, std::int64_t rows, std::size_t memory)
    : model_(model), table_(model.spec().tied_head ? Module::kEmbed : Module::kHead), rows_(rows) {
  const model::ModelSpec& spec = model.spec();
  if (!spec.stacks.back().causal)
    throw Error(ErrorCode::kUnsupported, "an encoder has no logits of a next token",
                {.path = model.path().string(), .found = std::string(spec.architecture->model_type)});
  if (!model.holds({table_}))
    throw Error(ErrorCode::kNotFound, "the checkpoint holds no head: its logits are not known",
                {.path = model.path().string(), .expected = spec.hf_name({table_}) + ".weight"});
  const std::vector<std::int64_t> shape = spec.shape(table_);
  if (shape[0] < rows)
    throw Error(ErrorCode::kMismatch, "the head has fewer tokens than the base's",
                {.path = model.path().string(), .expected = std::to_string(rows), .found = std::to_string(shape[0])});
  const std::size_t row = static_cast<std::size_t>(shape[1]) * sizeof(double);
  at_once_ = static_cast<std::int64_t>(std::max<std::size_t>(1, std::min(kPart, memory / 8) / row));
  if (spec.has_bias(table_)) bias_ = model.load({table_}, Param::kBias, at::kDouble).narrow(0, 0, rows);
}

template <class Part>
at::Tensor Head::by_parts(const at::Tensor& x, const Part& part) const {
  at::Tensor out = at::empty({x.size(0), rows_}, at::kDouble);
  for (std::int64_t first = 0; first < rows_; first += at_once_) {
    const std::int64_t count = std::min(at_once_, rows_ - first);
    out.narrow(1, first, count).copy_(at::mm(x, part(first, count).t()));
  }
  return out;
}

at::Tensor Head::read(const at::Tensor& hidden) const { return hidden.to(at::kDouble) * model_.spec().logit_scale; }

at::Tensor Head::product(const at::Tensor& x) const {
  return by_parts(x, [&](std::int64_t first, std::int64_t count) {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), first);
    return model_.rows(table_, ids, at::kDouble);
  });
}

at::Tensor Head::product(const at::Tensor& x, const at::Tensor& weight) const {
  return by_parts(
      x, [&](std::int64_t first, std::int64_t count) { return weight.narrow(0, first, count).to(at::kDouble); });
}

at::Tensor Head::scores(const at::Tensor& x) const {
  at::Tensor y = product(x);
  return bias_.defined() ? y.add_(bias_) : y;
}

at::Tensor Head::scores(const at::Tensor& x, const adapter::ModuleOps& given) const {
  const adapter::ModuleOps ops = fitted(given, rows_);
  const engine::LinearTerms terms = engine::terms_of(ops, x.size(0), bias_);
  Steps steps(*this);
  at::Tensor y = engine::evaluate(steps, {&terms, 1}, x, terms.bias);
  if (ops.rows.defined()) y = y.index_copy(1, ops.rows.ids, at::mm(x, ops.rows.rows.t()));
  return y;
}

at::Tensor Head::capped(const at::Tensor& scores) const {
  const double cap = model_.spec().final_softcap;
  return cap > 0 ? at::tanh(scores / cap).mul_(cap) : scores;
}

}  // namespace deltascape::represent
