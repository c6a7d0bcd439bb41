#include "engine/precision_check.h"

#include <algorithm>

namespace deltascape::engine {

PrecisionCheck::PrecisionCheck(const Setting& setting, Slot& slot) : setting_(setting), slot_(slot) {
  const auto& probes = setting.layout.probes;
  const auto shortest =
      std::min_element(probes.begin(), probes.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  probe_ = shortest - probes.begin();
  layout_ = make_layout({*shortest}, slot.virtual_tokens());
  base_layout_ = make_layout({*shortest});
  decoder_ = decoder_layout(base_layout_, setting.base.spec().start_token);
  stream_.emplace(slot.spec(setting), layout_, 1, setting.options_of_rows());
  if (rounded()) base_.emplace(setting.base.spec(), base_layout_, 1, setting.options_of_rows());
}

at::Tensor PrecisionCheck::first_rows(const Layout& layout) const {
  const auto own = slot_.first_layer > 0 ? std::nullopt : slot_.embedding(setting_, layout);
  return own ? *own : embedded(setting_.base, layout, setting_.dtype());
}

void PrecisionCheck::embed() {
  slot_.guarded([&] {
    if (base_) base_->rows.copy_(embedded(setting_.base, base_layout_, setting_.dtype()));
    stream_->rows.copy_(first_rows(layout_));
  });
}

void PrecisionCheck::start(int layer, const Stream& base) {
  if (layer == slot_.first_layer && layer > 0 && !rounded()) stream_->branch(0, base, probe_);
}

void PrecisionCheck::start_decoder(const Norm& base_norm) {
  slot_.guarded([&] {
    if (base_) {
      base_->switch_to(decoder_);
      base_->start_decoder(0, base_norm, embedded(setting_.base, decoder_, setting_.dtype()));
    }
    stream_->switch_to(decoder_);
    stream_->start_decoder(0, slot_.outer_norm(setting_, model::Module::kEncoderNorm, base_norm), first_rows(decoder_));
  });
}

void PrecisionCheck::run(int layer, const LayerWeights& weights) {
  for (std::optional<Stream>* stream : {&stream_, &base_})
    if (*stream && weights.relative.defined()) (*stream)->attention.set_relative(layer, weights.relative, 0, 1);
  if (layer < slot_.first_layer && !rounded()) return;
  slot_.guarded([&] {
    const auto run = [&](Stream& stream, const LayerOps& ops) {
      stream.rows = run_rows(setting_, stream, {.layer = layer, .weights = weights, .ops = {&ops, 1}});
      stream.pooled = setting_.last(layer);
    };
    if (base_) run(*base_, LayerOps());
    run(*stream_, slot_.ops(setting_, layer));
  });
}

void PrecisionCheck::read(const Tap& tap, const at::Tensor& base_tap, const Ending& base_ending) {
  slot_.guarded([&] {
    const Position position = setting_.taps.position;
    const Ending ending = tap.ended ? slot_.ending(setting_, base_ending) : Ending();
    const at::Tensor base = base_ ? base_->read(0, tap, position, base_ending) : base_tap.narrow(0, probe_, 1);
    const at::Tensor value = rounded() || slot_.moved(tap.block) ? stream_->read(0, tap, position, ending)
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
