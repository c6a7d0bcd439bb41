#include "study/head_reading.h"

#include <algorithm>
#include <numeric>

#include "deltascape/error.h"

namespace deltascape::study {
namespace {

using model::Module;

constexpr std::int64_t kRows = 4096;  // of the head at a time
constexpr double kShare = 0.9;

// WᵀW of the head's rows less their mean, [hidden, hidden].
at::Tensor head_products(const model::Checkpoint& model) {
  const model::ModelSpec& spec = model.spec();
  const Module table = spec.tied_head ? Module::kEmbed : Module::kHead;
  if (!model.holds({table}))
    throw Error(ErrorCode::kNotFound, "the checkpoint holds no head", {.path = model.path().string()});
  const std::vector<std::int64_t> shape = spec.shape(table);
  if (shape[1] != spec.hidden)
    throw Error(ErrorCode::kUnsupported, "the head does not read the residual stream's width",
                {.path = model.path().string()});
  at::Tensor sum = at::zeros({spec.hidden}, at::kDouble), products = at::zeros({spec.hidden, spec.hidden}, at::kDouble);
  for (std::int64_t first = 0; first < shape[0]; first += kRows) {
    std::vector<std::int64_t> ids(static_cast<std::size_t>(std::min(kRows, shape[0] - first)));
    std::iota(ids.begin(), ids.end(), first);
    const at::Tensor rows = model.rows(table, ids, at::kDouble);
    sum += rows.sum(0);
    products += at::mm(rows.t(), rows);
  }
  return products - at::outer(sum, sum) / static_cast<double>(shape[0]);
}

// The last norm, its length aside, as a matrix: [hidden, hidden].
at::Tensor last_norm(const model::Checkpoint& model) {
  const model::ModelSpec& spec = model.spec();
  at::Tensor weight = at::ones({spec.hidden}, at::kDouble);
  if (spec.final_norm && model.holds({Module::kFinalNorm}))
    weight = model.load({Module::kFinalNorm}, model::Param::kWeight, at::kDouble) +
             (spec.architecture->norm_plus_one ? 1.0 : 0.0);
  at::Tensor out = at::diag(weight);
  if (spec.final_norm && spec.norm != model::NormKind::kRms)
    out -= weight.unsqueeze(1) / static_cast<double>(spec.hidden);
  return out;
}

}  // namespace

HeadReading::HeadReading(const model::Checkpoint& model, bool after_norm) {
  at::Tensor products = head_products(model);
  if (!after_norm) {
    const at::Tensor norm = last_norm(model);
    products = at::mm(norm.t(), at::mm(products, norm));
  }
  const auto [values, vectors] = at::linalg_eigh(products);
  energies_ = values.flip(0).clamp_min(0);
  directions_ = vectors.flip(1);
  const at::Tensor held = energies_.cumsum(0) / energies_.sum();
  most_ = std::min((held < kShare).sum().item<std::int64_t>() + 1, energies_.size(0));
}

double HeadReading::gain(const at::Tensor& x) const {
  const at::Tensor along = at::mm(x, directions_).square().sum(0);
  return ((along * energies_).sum() / along.sum() / energies_.mean()).item<double>();
}

double HeadReading::inside(const at::Tensor& x) const {
  const at::Tensor along = at::mm(x, directions_).square().sum(0);
  return (along.narrow(0, 0, most_).sum() / along.sum()).item<double>();
}

double HeadReading::chance() const { return static_cast<double>(most_) / static_cast<double>(energies_.size(0)); }

}  // namespace deltascape::study
