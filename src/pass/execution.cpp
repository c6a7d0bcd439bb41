#include "pass/execution.h"

#include "exec/delta_ops.h"
#include "exec/device_ops.h"

namespace deltascape::engine {

using model::Module;

at::Tensor run_rows(const Setting& setting, Stream& stream, const BlockCall& call) {
  const auto count = static_cast<std::int64_t>(call.ops.size());
  const bool table = stream.spec.has(model::Site{Module::kRelativeBias, call.layer});
  for (std::int64_t v = 0; v < count && table; ++v)
    if (const LayerOps& ops = call.ops[static_cast<std::size_t>(v)]; ops.replaces_weight(Module::kRelativeBias))
      stream.attention.set_relative(call.layer, ops.weight(Module::kRelativeBias), call.first + v, 1);
  const at::Tensor rows = stream.of(call.first, count);
  const LayerRun run{.base = setting.base,
                     .spec = stream.spec,
                     .layer = call.layer,
                     .weights = call.weights,
                     .layout = *stream.layout,
                     .attention = stream.attention,
                     .cross = stream.encoded ? &stream.encoded->attention : nullptr,
                     .on_device = stream.device_attention ? &*stream.device_attention : nullptr,
                     .first = call.first,
                     .variants = call.ops,
                     .memory = stream.encoded ? stream.encoded_of(call.first, count) : at::Tensor(),
                     .tapped = setting.last(call.layer) ? stream.last : at::Tensor(),
                     .exact = setting.reads_last() ? stream.last : at::Tensor(),
                     .breakdown = setting.options.breakdown};
  if (!rows.is_cpu()) {
    DeviceOps execution(run, call.precision == Precision::kDelta ? call.twins : nullptr, call.record);
    return model::run_block(stream.spec, call.layer, execution, rows);
  }
  if (call.precision == Precision::kDelta) {
    DeltaOps execution(run, *call.twins);
    return model::run_block(stream.spec, call.layer, execution, rows);
  }
  PlainOps execution(run, call.record);
  return model::run_block(stream.spec, call.layer, execution, rows);
}

}  // namespace deltascape::engine
