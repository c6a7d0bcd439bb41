// Owns one pass through a base's layers with a group of variants: adapters in chunks, full finetunes one by one, and
// in reduced precision one variant on one probe in fp32, which says how large the error is.
#pragma once

#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/layer_ops.h"
#include "engine/plain_ops.h"
#include "engine/reader.h"
#include "engine/stream.h"

namespace deltascape::engine {

class Pass {
 public:
  // All references must outlive the pass. Variants that are the base itself are not for a pass.
  Pass(const model::Checkpoint& base, std::vector<const Variant*> variants, const Layout& layout, const Taps& taps,
       const RunOptions& options, const Plan& plan);
  // Results of the variants in the order given.
  RunResult operator()(Progress& progress);

 private:
  // A variant in this pass: an adapter is one of adapters_'s rows, a full finetune has a stream of its own.
  struct Slot {
    const Variant* variant = nullptr;
    std::size_t given = 0;  // its place in the constructor's order
    int first_layer = 0;
    std::unique_ptr<Stream> own;
    std::optional<Error> error;
    Precision precision = Precision::kFp32;
    std::vector<at::Tensor> taps;  // [probes, hidden] each
  };
  struct Check {
    std::size_t slot = 0;
    std::size_t probe = 0;
    Layout layout;                 // that probe alone
    std::optional<Stream> stream;  // the variant; in bf16 the base before it
    std::vector<at::Tensor> taps;
  };

  std::vector<Load> loads() const;
  ProductRows product_rows(std::size_t variants) const;
  std::int64_t active(int layer) const;  // adapters that differ from the base when `layer` has run
  void place_check();
  void embed();
  void start(int layer);  // streams of adapters that begin to differ in this layer
  void run_layer(int layer, Reader& reader);
  void run_adapters(int layer, const LayerWeights& weights, const Record& twins, Reader& reader);
  void run_full(int layer, const LayerWeights& weights, const Record& twins, Slot& slot);
  void run_check(int layer, const LayerWeights& weights);
  // Runs a block for variants of a stream; `precision` says how.
  at::Tensor block(int layer, const Stream& stream, const at::Tensor& rows, const LayerWeights& weights,
                   std::span<const LayerOps> ops, Precision precision, const Record* twins, Record* record) const;
  void read_taps(int block);
  Norm final_norm(const Slot& slot) const;
  RunResult results() const;
  std::optional<double> measured_error() const;
  bool reduced() const { return options_.precision == Precision::kDelta || options_.precision == Precision::kBf16; }
  bool last(int layer) const;  // of the blocks that are read, when only the last tokens count
  // Runs `work` for a variant; its Error is kept, and the slot counts as failed from then on.
  template <class F>
  void guarded(Slot& slot, F&& work);

  const model::Checkpoint& base_;
  const Layout& layout_;
  const Taps& taps_;
  const RunOptions& options_;
  Plan plan_;
  at::ScalarType dtype_;
  std::vector<Slot> slots_;  // adapters by their first layer, then full finetunes
  std::int64_t adapters_ = 0;
  LayerLoader loader_;
  Stream base_stream_;
  std::optional<Stream> stream_;  // of the adapters
  std::vector<at::Tensor> base_taps_;
  std::optional<Check> check_;
};

}  // namespace deltascape::engine
