// Owns the choice of a block's execution, and what is the same for every block of a pass.
#pragma once

#include <span>

#include "exec/layer_ops.h"
#include "exec/plain_ops.h"
#include "pass/engine.h"
#include "pass/stream.h"

namespace deltascape::engine {

// All references must outlive it.
struct Setting {
  const model::Checkpoint& base;
  const Layout& layout;
  const Taps& taps;
  const RunOptions& options;

  at::TensorOptions options_of_rows() const { return at::TensorOptions(dtype()).device(options.device); }
  at::ScalarType dtype() const { return options.precision == Precision::kFp64 ? at::kDouble : at::kFloat; }
  bool reduced() const { return options.precision == Precision::kDelta; }
  // Where a probe's last token is read, of several.
  bool reads_last() const { return taps.position == Position::kLast && !base.spec().encodes_first(); }
  // Of the blocks that are read, where the last tokens' results alone are needed.
  bool last(int layer) const { return layer + 1 == taps.deepest() && reads_last(); }
};

struct BlockCall {
  int layer = 0;
  std::int64_t first = 0;  // of the stream's variants
  const LayerWeights& weights;
  std::span<const LayerOps> ops;  // one a variant
  Precision precision = Precision::kFp32;
  const Record* twins = nullptr;  // delta: what the base's pass recorded
  Record* record = nullptr;       // fp32: where to record
};

// Runs one block for the stream's rows of call.ops' variants: [variants · tokens, hidden], or the last tokens alone.
// The rows may be overwritten.
at::Tensor run_rows(const Setting& setting, Stream& stream, const BlockCall& call);

}  // namespace deltascape::engine
