// Owns the choice of a block's execution, and what is the same for every block of a pass.
#pragma once

#include <span>

#include "engine/engine.h"
#include "engine/layer_ops.h"
#include "engine/plain_ops.h"
#include "engine/stream.h"

namespace deltascape::engine {

// All references must outlive it.
struct Setting {
  const model::Checkpoint& base;
  const Layout& layout;
  const Taps& taps;
  const RunOptions& options;

  at::TensorOptions options_of_rows() const { return at::TensorOptions(dtype()).device(options.device); }
  at::ScalarType dtype() const { return options.precision == Precision::kFp64 ? at::kDouble : at::kFloat; }
  bool reduced() const { return options.precision == Precision::kDelta || options.precision == Precision::kBf16; }
  // Of the blocks that are read, where the last tokens' results alone are needed.
  bool last(int layer) const { return layer + 1 == taps.deepest() && taps.position == Position::kLast; }
};

struct BlockCall {
  int layer = 0;
  const LayerWeights& weights;
  std::span<const LayerOps> ops;  // of the variants in the rows
  Precision precision = Precision::kFp32;
  const Record* twins = nullptr;  // delta: what the base's pass recorded
  Record* record = nullptr;       // fp32: where to record
};

// Runs one block for `rows` of the stream: [variants · tokens, hidden] -> the same, or the last tokens alone.
at::Tensor run_rows(const Setting& setting, const Stream& stream, const at::Tensor& rows, const BlockCall& call);

}  // namespace deltascape::engine
