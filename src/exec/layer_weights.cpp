#include "exec/layer_weights.h"

namespace deltascape::engine {

using model::Module;
using model::Param;
using model::Site;

at::Tensor norm_weight(const model::ModelSpec& spec, const at::Tensor& stored) {
  return spec.architecture->norm_plus_one ? stored.add(1) : stored;
}

Norm loaded_norm(const model::Checkpoint& model, Site site, at::ScalarType dtype) {
  if (!model.spec().has(site)) return {};
  Norm norm{norm_weight(model.spec(), model.load(site, Param::kWeight, dtype)), {}};
  if (model.spec().has_bias(site.module)) norm.bias = model.load(site, Param::kBias, dtype);
  return norm;
}

Norm replaced(const model::ModelSpec& spec, Norm base, const at::Tensor& weight, const at::Tensor& bias) {
  if (weight.defined()) base.weight = norm_weight(spec, weight);
  if (bias.defined()) base.bias = bias;
  return base;
}

LayerWeights gathered(const model::ModelSpec& spec, int layer, const std::function<at::Tensor(Site, Param)>& read,
                      const std::function<void(Site, LayerWeights&)>& linear) {
  LayerWeights out;
  for (std::size_t m = 0; m < model::kBlockModules; ++m) {
    const Site site{model::module_at(m), layer};
    if (!spec.has(site) || model::of_expert(site.module)) continue;
    if (site.module == Module::kRelativeBias) out.relative = read(site, Param::kWeight);
    else if (model::is_parameter(site.module)) out.norm[m] = read(site, Param::kWeight);
    else if (spec.is_norm(site.module)) out.norm[m] = norm_weight(spec, read(site, Param::kWeight));
    else linear(site, out);
    if (spec.has_bias(site.module)) out.bias[m] = read(site, Param::kBias);
  }
  return out;
}

void LayerLoader::load_linear(Site site, LayerWeights& out) {
  const std::size_t m = model::index(site.module);
  const ProductRows& rows = checkpoint_.spec().reads_text(site) ? rows_ : few_;
  const std::vector<std::int64_t> shape = checkpoint_.spec().shape(site.module);
  const std::int64_t elements = shape[0] * shape[1];
  const bool copies = PackedWeight::copies(dtype_, elements, rows.all);
  if (copies && (!buffer_.defined() || buffer_.numel() < elements))
    buffer_ = at::empty({elements}, at::TensorOptions(dtype_));
  const at::Tensor place =
      copies ? buffer_.narrow(0, 0, elements).view(shape) : at::empty(shape, at::TensorOptions(dtype_));
  at::Tensor weight;
  if (rows.all16 > 0 && checkpoint_.can_view(site, Param::kWeight, at::kBFloat16)) {
    const at::Tensor stored = checkpoint_.view(site, Param::kWeight, at::kBFloat16);
    weight = place.copy_(stored);
    out.linear16[m] = PackedWeight(stored, rows.each16, rows.all16);
    out.shows_file |= !PackedWeight::copies(at::kBFloat16, elements, rows.all16);
  } else {
    weight = checkpoint_.load(site, Param::kWeight, dtype_, place);
    if (rows.all16 > 0) out.linear16[m] = PackedWeight(weight.to(at::kBFloat16), rows.each16, rows.all16);
  }
  out.linear[m] = PackedWeight(std::move(weight), rows.each, rows.all);
}

LayerWeights LayerLoader::load(int layer) {
  return gathered(
      checkpoint_.spec(), layer, [&](Site site, Param param) { return checkpoint_.load(site, param, dtype_); },
      [&](Site site, LayerWeights& out) { load_linear(site, out); });
}

}  // namespace deltascape::engine
