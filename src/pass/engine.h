// Owns the layer-major schedule (docs/design.md §3.4): each layer is read once a group, runs the base's probes and then
// every variant's, and leaves memory. What a variant gives depends on no other variant, on no order and on no chunk.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "adapter/adapter.h"
#include "core/stopwatch.h"
#include "deltascape/error.h"
#include "deltascape/progress.h"
#include "exec/layout.h"
#include "model/checkpoint.h"
#include "pass/device_layers.h"
#include "pass/plan.h"
#include "pass/taps.h"

namespace deltascape::engine {

// At most one of the two is set; neither is the base itself.
struct Variant {
  std::shared_ptr<const adapter::Adapter> adapter;  // operators on the base
  std::shared_ptr<const model::Checkpoint> full;    // a model of its own
};

struct RunOptions {
  Precision precision = Precision::kFp32;
  Precision full_precision = Precision::kFp32;  // of full finetunes, where `precision` is kDelta: kDelta or kFp32
  std::size_t memory = 0;  // bytes for streams, a layer, its file's bytes and temporaries; 0: no limit
  Breakdown* breakdown = nullptr;
  // Where the rows are computed: `memory` is of that device. On another than the processor with the base's layers
  // there, which outlive the run; full finetunes take fp32.
  c10::Device device = c10::kCPU;
  DeviceLayers* layers = nullptr;
};

struct VariantResult {
  at::Tensor delta;            // hidden states minus its own pass's base, [taps, probes, hidden]
  std::optional<Error> error;  // why it failed; `delta` is undefined then
  Precision precision = Precision::kFp32;
};

struct RunResult {
  at::Tensor base;  // the base's hidden states, [taps, probes, hidden]
  std::vector<VariantResult> variants;
  // In delta: the relative error of one variant's delta on one probe against fp32, the worst of the taps. The
  // variant is the first that runs so, whatever passes the budget makes. Nothing where it changes nothing.
  std::optional<double> numeric_error;
};

// What run() makes of the options: fp32 in place of delta for a model that does not propagate deltas.
RunOptions computed(RunOptions options, const model::ModelSpec& spec);

// Hidden states at the taps for the base, and what every variant changes in them. `layout` and `taps` hold for all of
// them. Throws Error when the base itself fails.
RunResult run(const model::Checkpoint& base, const std::vector<Variant>& variants, const Layout& layout,
              const Taps& taps, const RunOptions& options, Progress& progress);

}  // namespace deltascape::engine
