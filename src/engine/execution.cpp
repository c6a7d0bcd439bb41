#include "engine/execution.h"

#include "engine/delta_ops.h"
#include "engine/rounded_ops.h"

namespace deltascape::engine {

at::Tensor run_rows(const Setting& setting, const Stream& stream, const at::Tensor& rows, const BlockCall& call) {
  const at::Tensor tapped = setting.last(call.layer) ? stream.layout.last : at::Tensor();
  const at::Tensor exact = setting.taps.position == Position::kLast ? stream.layout.last : at::Tensor();
  const LayerRun run{setting.base,  stream.spec, call.layer, call.weights, stream.attention,
                     stream.layout, call.ops,    tapped,     exact,        setting.options.breakdown};
  if (call.precision == Precision::kDelta) {
    DeltaOps execution(run, *call.twins);
    return model::run_block(stream.spec, call.layer, execution, rows);
  }
  if (call.precision == Precision::kBf16) {
    RoundedOps execution(run);
    return model::run_block(stream.spec, call.layer, execution, rows);
  }
  PlainOps execution(run, call.record);
  return model::run_block(stream.spec, call.layer, execution, rows);
}

}  // namespace deltascape::engine
