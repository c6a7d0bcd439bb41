// Owns the residual streams of variants that run in lockstep, and how they are read at a tap.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "adapter/adapter.h"
#include "engine/attention.h"
#include "engine/layer_weights.h"
#include "engine/layout.h"
#include "engine/taps.h"
#include "model/checkpoint.h"

namespace deltascape::engine {

// Several variants of one shape, each with all of a layout's tokens.
struct Stream {
  // Both must outlive the stream.
  Stream(const model::ModelSpec& spec, const Layout& layout, std::int64_t variants, at::ScalarType dtype)
      : spec(spec),
        layout(layout),
        attention(spec, layout, dtype),
        rows(at::empty({variants * layout.tokens, spec.hidden}, at::TensorOptions(dtype))) {}

  std::int64_t each() const { return pooled ? layout.last.size(0) : layout.tokens; }
  // `count` variants from `first` on: [count · each(), hidden].
  at::Tensor of(std::int64_t first, std::int64_t count = 1) const {
    return rows.narrow(0, first * each(), count * each());
  }
  // What the tap reads of variant `v`, [probes, hidden]. `norm`: the final one, where the tap lies behind it.
  at::Tensor read(std::int64_t v, const Tap& tap, Position position, const Norm& norm) const;

  const model::ModelSpec& spec;
  const Layout& layout;
  Attention attention;
  at::Tensor rows;
  bool pooled = false;  // rows are the probes' last tokens alone
};

// The rows that the first block reads, [rows, hidden]: token embeddings, scaled, with learned positions, normalised,
// as the family has it. Throws Error for a probe that is longer than the learned positions.
at::Tensor embedded(const model::Checkpoint& model, const Layout& layout, at::ScalarType dtype);
// The same with an adapter's own tables, norm and virtual tokens, for which the layout has place; nothing when it
// leaves all that alone.
std::optional<at::Tensor> embedded(const model::Checkpoint& base, const adapter::Adapter& adapter, const Layout& layout,
                                   at::ScalarType dtype);

}  // namespace deltascape::engine
