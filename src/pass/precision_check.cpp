#include "pass/precision_check.h"

#include <algorithm>

namespace deltascape::engine {

PrecisionCheck::PrecisionCheck(const Setting& setting, Slot& slot) : setting_(setting), slot_(slot) {
  const auto& probes = setting.layout.probes;
  const auto shortest =
      std::min_element(probes.begin(), probes.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  probe_ = shortest - probes.begin();
  layout_ = make_layout({*shortest}, slot.virtual_tokens());
  decoder_ = decoder_layout(make_layout({*shortest}), setting.base.spec().start_token);
  stream_.emplace(slot.spec(setting), layout_, 1, setting.options_of_rows());
}

at::Tensor PrecisionCheck::first_rows(const Layout& layout) const {
  const auto own = slot_.first_layer > 0 ? std::nullopt : slot_.embedding(setting_, layout);
  return own ? *own : embedded(setting_.base, layout, setting_.dtype());
}

void PrecisionCheck::embed() {
  slot_.guarded([&] { stream_->rows.copy_(first_rows(layout_)); });
}

void PrecisionCheck::start(int layer, const Stream& base) {
  if (layer == slot_.first_layer && layer > 0) stream_->branch(0, base, probe_);
}

void PrecisionCheck::start_decoder(const Norm& base_norm) {
  slot_.guarded([&] {
    stream_->switch_to(decoder_);
    stream_->start_decoder(0, slot_.outer_norm(setting_, model::Module::kEncoderNorm, base_norm), first_rows(decoder_));
  });
}

void PrecisionCheck::run(int layer, const LayerWeights& weights) {
  if (weights.relative.defined()) stream_->attention.set_relative(layer, weights.relative, 0, 1);
  if (layer < slot_.first_layer) return;
  slot_.guarded([&] {
    const LayerOps ops[1] = {slot_.ops(setting_, layer)};
    stream_->rows = run_rows(setting_, *stream_, {.layer = layer, .weights = weights, .ops = ops});
    stream_->pooled = setting_.last(layer);
  });
}

void PrecisionCheck::read(const Tap& tap, const at::Tensor& base_tap, const Ending& base_ending) {
  slot_.guarded([&] {
    const Position position = setting_.taps.position;
    const Ending ending = tap.ended ? slot_.ending(setting_, base_ending) : Ending();
    const at::Tensor value =
        slot_.moved(tap.block) ? stream_->read(0, tap, position, ending) : slot_.taps.back().narrow(0, probe_, 1);
    taps_.push_back(value - base_tap.narrow(0, probe_, 1));
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
