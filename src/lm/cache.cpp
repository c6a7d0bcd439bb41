#include "lm/cache.h"

namespace deltascape::engine {

Cache::Cache(const model::ModelSpec& spec, std::size_t sequences, std::int64_t rows, const at::TensorOptions& options)
    : layers_(static_cast<std::size_t>(spec.layer_count())), seen_(sequences), grows_(true) {
  const auto count = static_cast<std::int64_t>(sequences);
  // Zeros: a row that is not there yet is multiplied by zero.
  for (int layer = spec.decoder_first(); layer < spec.layer_count(); ++layer) {
    if (!spec.attends(layer)) {
      at(layer).states.resize(sequences);
      continue;
    }
    at(layer).k = at::zeros({count, spec.kv_heads, rows, spec.head_dim}, options);
    at(layer).v = at::zeros({count, spec.kv_heads, rows, spec.value_dim}, options);
  }
}

Cache::Cache(const model::ModelSpec& spec, std::size_t sequences, const at::Tensor& prefix)
    : layers_(static_cast<std::size_t>(spec.layer_count())), seen_(sequences, prefix.size(2)), grows_(false) {
  const auto of_all = [&](std::int64_t part) {
    return prefix[part].unsqueeze(0).expand({static_cast<std::int64_t>(sequences), -1, -1, -1});
  };
  for (int layer = 0; layer < spec.layer_count(); ++layer)
    at(layer).k = of_all(2 * layer), at(layer).v = of_all(2 * layer + 1);
}

Cache::Cache(int layers, int layer, Layer known, std::vector<std::int64_t> seen)
    : layers_(static_cast<std::size_t>(layers)), seen_(std::move(seen)), grows_(false) {
  at(layer) = std::move(known);
}

void Cache::start_with(const at::Tensor& prefix) {
  std::int64_t part = 0;
  for (const Layer& layer : layers_)
    for (const at::Tensor& all : {layer.k, layer.v}) all.narrow(2, 0, prefix.size(2)).copy_(prefix[part++]);
  seen_.assign(seen_.size(), prefix.size(2));
}

void Cache::advance(const std::vector<std::int64_t>& lengths) {
  for (std::size_t s = 0; s < lengths.size(); ++s) seen_[s] += lengths[s];
}

void Cache::keep(const std::vector<std::size_t>& order) {
  const auto gather = [&](auto& all) {
    for (std::size_t i = 0; i < order.size(); ++i)
      if (order[i] != i) all[i] = all[order[i]];
    all.resize(order.size());
  };
  for (Layer& layer : layers_) {
    for (std::size_t i = 0; i < order.size(); ++i)
      for (const at::Tensor& all : {layer.k, layer.v}) {
        if (order[i] == i || !all.defined()) continue;
        const auto rows = [&](std::size_t s) {
          return all[static_cast<std::int64_t>(s)].narrow(1, 0, seen_[order[i]]);
        };
        rows(i).copy_(rows(order[i]));
      }
    if (!layer.states.empty()) gather(layer.states);
    if (!layer.cross_k.empty()) gather(layer.cross_k), gather(layer.cross_v);
  }
  gather(seen_);
}

}  // namespace deltascape::engine
