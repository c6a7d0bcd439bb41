// Owns measuring what reduced precision costs: one variant on one probe also runs in fp32, beside the pass and through
// the weights that are there anyway.
#pragma once

#include <optional>
#include <vector>

#include "pass/slot.h"

namespace deltascape::engine {

class PrecisionCheck {
 public:
  // Of the variant in `slot`, on the shortest probe. Both must outlive it.
  PrecisionCheck(const Setting& setting, Slot& slot);

  void embed();
  // The same steps as the pass, at the same places. `base`: the base's stream as the layer finds it.
  void start(int layer, const Stream& base);
  void start_decoder(const Norm& base_norm);
  void run(int layer, const LayerWeights& weights);
  // After the same tap of the slot and of the base, [probes, width], was read. `base_ending`: the base's.
  void read(const Tap& tap, const at::Tensor& base_tap, const Ending& base_ending);
  // The worst tap's ‖delta − delta in fp32‖ / ‖delta in fp32‖; nothing where nothing changed or the variant failed.
  std::optional<double> error(const std::vector<at::Tensor>& base_taps) const;

 private:
  at::Tensor first_rows(const Layout& layout) const;  // of the variant

  const Setting& setting_;
  Slot& slot_;
  std::int64_t probe_ = 0;
  Layout layout_;                 // that probe alone, with the variant's virtual tokens
  Layout decoder_;                // what a decoder begins with for it
  std::optional<Stream> stream_;  // the variant
  std::vector<at::Tensor> taps_;  // deltas in fp32, [1, width] each
};

}  // namespace deltascape::engine
