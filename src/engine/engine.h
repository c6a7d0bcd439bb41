// Owns the layer-major schedule (DESIGN §3): each layer is read once a group, runs the base's probes and then every
// variant's, and leaves memory. What a variant gives depends on no other variant, on no order and on no chunk.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "adapter/adapter.h"
#include "deltascape/error.h"
#include "deltascape/progress.h"
#include "engine/layout.h"
#include "engine/taps.h"
#include "model/checkpoint.h"

namespace deltascape::engine {

// At most one of the two is set; neither is the base itself.
struct Variant {
  std::shared_ptr<const adapter::Adapter> adapter;  // operators on the base
  std::shared_ptr<const model::Checkpoint> full;    // a model of its own
};

struct RunOptions {
  at::ScalarType dtype = at::kFloat;  // kFloat or kDouble
  std::size_t memory = 0;             // bytes for residual streams, a layer and its temporaries
};

struct RunResult {
  at::Tensor base;                           // the base's hidden states, [taps, probes, hidden]
  std::vector<at::Tensor> deltas;            // of each variant: its hidden states minus its own pass's base, like base
  std::vector<std::optional<Error>> errors;  // why a variant failed
};

// Hidden states at the taps for the base, and what every variant changes in them. `layout` and `taps` hold for all of
// them. Throws Error when the base itself fails.
RunResult run(const model::Checkpoint& base, const std::vector<Variant>& variants, const Layout& layout,
              const Taps& taps, const RunOptions& options, Progress& progress);

}  // namespace deltascape::engine
