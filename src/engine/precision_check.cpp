#include "engine/precision_check.h"

#include <algorithm>

namespace deltascape::engine {

PrecisionCheck::PrecisionCheck(const Setting& setting, Slot& slot) : setting_(setting), slot_(slot) {
  const auto& probes = setting.layout.probes;
  const auto shortest =
      std::min_element(probes.begin(), probes.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  probe_ = shortest - probes.begin();
  layout_ = make_layout({*shortest});
  decoder_ = decoder_layout(layout_, setting.base.spec().start_token);
  stream_.emplace(slot.spec(setting), layout_, rounded() ? 2 : 1, setting.options_of_rows());
}

std::vector<at::Tensor> PrecisionCheck::first_rows(const Layout& layout) const {
  const at::Tensor base = embedded(setting_.base, layout, setting_.dtype());
  const auto own = slot_.first_layer > 0 ? std::nullopt : slot_.embedding(setting_, layout);
  std::vector<at::Tensor> rows(rounded() ? 1 : 0, base);
  rows.push_back(own ? *own : base);
  return rows;
}

void PrecisionCheck::embed() {
  slot_.guarded([&] { stream_->rows.copy_(at::cat(first_rows(layout_))); });
}

void PrecisionCheck::start(int layer, const Stream& base) {
  if (layer == slot_.first_layer && layer > 0 && !rounded()) stream_->branch(0, base, probe_);
}

void PrecisionCheck::start_decoder(const Norm& base_norm) {
  slot_.guarded([&] {
    const std::vector<at::Tensor> rows = first_rows(decoder_);
    stream_->switch_to(decoder_);
    if (rounded()) stream_->start_decoder(0, base_norm, rows[0]);
    stream_->start_decoder(rounded(), slot_.outer_norm(setting_, model::Module::kEncoderNorm, base_norm), rows.back());
  });
}

void PrecisionCheck::run(int layer, const LayerWeights& weights) {
  if (weights.relative.defined()) stream_->attention.set_relative(layer, weights.relative, 0, stream_->variants);
  if (layer < slot_.first_layer && !rounded()) return;
  slot_.guarded([&] {
    std::vector<LayerOps> ops;
    if (rounded()) ops.emplace_back();
    ops.push_back(slot_.ops(setting_, layer));
    stream_->rows = run_rows(setting_, *stream_, {.layer = layer, .weights = weights, .ops = ops});
    stream_->pooled = setting_.last(layer);
  });
}

void PrecisionCheck::read(const Tap& tap, const at::Tensor& base_tap, const Norm& base_norm) {
  slot_.guarded([&] {
    const Position position = setting_.taps.position;
    const Norm norm = tap.final_norm ? slot_.outer_norm(setting_, model::Module::kFinalNorm, base_norm) : Norm();
    const at::Tensor base = rounded() ? stream_->read(0, tap, position, base_norm) : base_tap.narrow(0, probe_, 1);
    const at::Tensor value = rounded() || slot_.moved(tap.block) ? stream_->read(rounded(), tap, position, norm)
                                                                 : slot_.taps.back().narrow(0, probe_, 1);
    taps_.push_back(value - base);
  });
}

std::optional<double> PrecisionCheck::error(const std::vector<at::Tensor>& base_taps) const {
  std::optional<double> worst;
  for (std::size_t t = 0; t < taps_.size() && !slot_.error; ++t) {
    const at::Tensor expected = taps_[t].to(at::kDouble);
    const double size = expected.norm().item<double>();
    if (size == 0) continue;
    const at::Tensor got = (slot_.taps[t] - base_taps[t]).narrow(0, probe_, 1).to(at::kDouble);
    worst = std::max(worst.value_or(0), (got - expected).norm().item<double>() / size);
  }
  return worst;
}

}  // namespace deltascape::engine
