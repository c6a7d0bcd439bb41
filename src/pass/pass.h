// Owns one pass through a base's layers with a group of variants: adapters in chunks; full finetunes and adapters with
// virtual tokens one by one.
#pragma once

#include <optional>
#include <vector>

#include "pass/precision_check.h"
#include "pass/reader.h"

namespace deltascape::engine {

class Pass {
 public:
  // All references must outlive the pass. Variants that are the base itself are not for a pass.
  Pass(const model::Checkpoint& base, std::vector<const Variant*> variants, const Layout& layout, const Taps& taps,
       const RunOptions& options, const Plan& plan);
  // Results of the variants in the order given.
  RunResult operator()(Progress& progress);
  // Whether it measures what reduced precision costs.
  bool checks() const { return check_.has_value(); }

 private:
  void place(const std::vector<const Variant*>& variants);
  void make_own(Slot& slot) const;  // its stream
  std::vector<Load> loads() const;
  Load adapter_load(int layer, std::int64_t first, std::int64_t end) const;
  // Of products that read so many tokens of each variant.
  ProductRows product_rows(const std::vector<const Variant*>& variants, std::int64_t tokens) const;
  bool resident(int layer) const;        // on the device already: nothing is read
  std::int64_t active(int layer) const;  // adapters that differ from the base when `layer` has run
  void embed();
  void start(int layer);  // streams of adapters that begin to differ in this layer
  void start_decoder();   // all streams, where the encoder has run
  void run_layer(int layer, Reader& reader);
  void run_adapters(int layer, const LayerWeights& weights, const Record& twins, Reader& reader);
  void run_own(int layer, const LayerWeights& weights, const Record& twins, Slot& slot);
  void read_taps(int block);
  RunResult results() const;

  Setting setting_;
  Plan plan_;
  std::vector<Slot> slots_;    // adapters by their first layer, then those with streams of their own
  std::int64_t adapters_ = 0;  // that share one
  Layout decoder_;             // what the decoder beside an encoder begins with
  LayerLoader loader_;
  Stream base_stream_;
  std::optional<Stream> stream_;  // of the adapters
  std::vector<at::Tensor> base_taps_;
  std::optional<PrecisionCheck> check_;
};

}  // namespace deltascape::engine
