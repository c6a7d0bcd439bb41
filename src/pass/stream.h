// Owns the residual streams of variants that run in lockstep, and how they are read at a tap.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "adapter/adapter.h"
#include "exec/attention.h"
#include "exec/device_attention.h"
#include "exec/layer_weights.h"
#include "exec/layout.h"
#include "exec/outer_modules.h"
#include "model/checkpoint.h"
#include "pass/taps.h"

namespace deltascape::engine {

// What an encoder leaves to the decoder's blocks.
struct Encoded {
  const Layout* layout;  // of the rows: the probes' tokens
  Attention attention;   // over them
  at::Tensor rows;       // after the encoder's norm, [variants · tokens, hidden]
};

// Several variants of one shape, each with all of a layout's tokens.
struct Stream {
  // Both must outlive the stream.
  Stream(const model::ModelSpec& spec, const Layout& layout, std::int64_t variants, const at::TensorOptions& options)
      : spec(spec),
        variants(variants),
        layout(&layout),
        attention(spec, layout, variants, c10::typeMetaToScalarType(options.dtype())),
        last(layout.last.to(options.device())),
        rows(at::empty({variants * layout.tokens, spec.hidden}, options)) {
    if (!options.device().is_cpu()) device_attention.emplace(spec, layout, options);
  }

  std::int64_t each() const { return pooled ? layout->last.size(0) : layout->tokens; }
  // `count` variants from `first` on: [count · each(), hidden].
  at::Tensor of(std::int64_t first, std::int64_t count = 1) const {
    return rows.narrow(0, first * each(), count * each());
  }
  // The same of the encoder's rows.
  at::Tensor encoded_of(std::int64_t first, std::int64_t count = 1) const {
    return encoded->rows.narrow(0, first * encoded->layout->tokens, count * encoded->layout->tokens);
  }
  // What the tap reads of variant `v`, [probes, width], in the processor's memory. `ending`: of the variant, where the
  // tap lies behind it.
  at::Tensor read(std::int64_t v, const Tap& tap, Position position, const Ending& ending) const;
  // Variant `v` goes on from where the base stands, or from where it stands on one of its probes.
  void branch(std::int64_t v, const Stream& base, std::optional<std::int64_t> probe = {});
  // The rows become what the encoder leaves, not yet normalised; those of `decoder`, which must outlive the stream,
  // take their place. Then start_decoder() for each variant: its encoder's norm, and its first rows.
  void switch_to(const Layout& decoder);
  void start_decoder(std::int64_t v, const Norm& encoder_norm, const at::Tensor& first_rows);

  const model::ModelSpec& spec;
  std::int64_t variants;
  const Layout* layout;  // of the rows
  Attention attention;
  std::optional<DeviceAttention> device_attention;  // where the rows lie on a device
  at::Tensor last;                                  // the layout's, where the rows lie
  at::Tensor rows;
  bool pooled = false;             // rows are the probes' last tokens alone
  std::optional<Encoded> encoded;  // what a decoder beside an encoder reads
};

// The rows that the first block reads, [rows, hidden], of the layout's probes. Throws Error like first_rows().
at::Tensor embedded(const model::Checkpoint& model, const Layout& layout, at::ScalarType dtype);
// The same with an adapter's own tables, norm and virtual tokens, for which the layout has place; nothing when it
// leaves all that alone.
std::optional<at::Tensor> embedded(const model::Checkpoint& base, const adapter::Adapter& adapter, const Layout& layout,
                                   at::ScalarType dtype);

}  // namespace deltascape::engine
