#include "engine/execution.h"

#include "engine/delta_ops.h"
#include "engine/device_ops.h"
#include "engine/rounded_ops.h"

namespace deltascape::engine {

at::Tensor run_rows(const Setting& setting, const Stream& stream, const at::Tensor& rows, const BlockCall& call) {
  const at::Tensor none;
  const LayerRun run{.base = setting.base,
                     .spec = stream.spec,
                     .layer = call.layer,
                     .weights = call.weights,
                     .attention = stream.attention,
                     .device_attention = stream.device_attention ? &*stream.device_attention : nullptr,
                     .layout = stream.layout,
                     .variants = call.ops,
                     .tapped = setting.last(call.layer) ? stream.last : none,
                     .exact = setting.taps.position == Position::kLast ? stream.last : none,
                     .breakdown = setting.options.breakdown};
  if (!rows.is_cpu()) {
    DeviceOps execution(run, call.precision == Precision::kDelta ? call.twins : nullptr, call.record);
    return model::run_block(stream.spec, call.layer, execution, rows);
  }
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
