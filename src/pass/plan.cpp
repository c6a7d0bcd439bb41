#include "pass/plan.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "exec/gemm.h"
#include "model/mixers.h"

namespace deltascape::engine {

std::int64_t full_chunk(std::int64_t tokens, c10::Device device) {
  // Rows of a product: enough for each core's full rate, few enough that a chunk's values stay near the processor (half
  // as many take 3 to 8% longer on two cores, twice as many the same). A device has thousands of lanes to fill, and
  // each call costs.
  constexpr std::int64_t kRowsOfCore = 1024, kMostCores = 8, kRowsOfDevice = 16384;
  const std::int64_t rows =
      device.is_cpu() ? kRowsOfCore * std::min<std::int64_t>(at::get_num_threads(), kMostCores) : kRowsOfDevice;
  return std::max<std::int64_t>(1, (rows + tokens - 1) / tokens);
}

Plan make_plan(const model::Checkpoint& base, const Layout& layout, const Taps& taps, Precision precision,
               c10::Device device, std::size_t memory, const AdapterNeeds& adapters, std::int64_t variants) {
  const model::ModelSpec& spec = base.spec();
  const bool half = precision == Precision::kDelta;
  const double element = precision == Precision::kFp64 ? 8 : 4;
  const auto d = [](std::int64_t n) { return static_cast<double>(n); };
  const double tokens = d(layout.tokens), probes = d(static_cast<std::int64_t>(layout.probes.size()));
  // Elements of a block's linears; what they read and give for one variant. The most of any layer.
  double weights = 0, largest = 0, values = 0, raw = 0;
  for (int l = 0; l < spec.layer_count(); ++l) {
    double all = 0, read = 0;
    for (const model::Module m : spec.linears(l)) {
      const std::vector<std::int64_t> shape = spec.shape(m);
      all += d(shape[0]) * d(shape[1]);
      largest = std::max(largest, d(shape[0]) * d(shape[1]));
      read += (d(shape[0]) + d(shape[1])) * (spec.reads_text({m, l}) ? tokens : probes);
    }
    if (!spec.attends(l)) {  // the convolution's rows, and of each head a chunk's scores and the state
      const model::RecurrentSpec& r = spec.recurrent;
      read += 4 * d(r.channels() + r.inner()) * tokens +
              d(r.heads) * probes * (4 * d(model::kMixerChunk * model::kMixerChunk) + 2 * d(r.key_dim * r.head_dim));
    }
    weights = std::max(weights, all);
    values = std::max(values, read);
    raw = std::max(raw, static_cast<double>(base.layer_bytes(l)));
  }
  const double twins = half ? values * element : 0;
  // The weights, one linear before it is reordered, the base's own rows, and the file's bytes of one layer.
  const double fixed = weights * (element + (half ? 2 : 0)) + largest * (element + 2) + twins + raw + values * element +
                       static_cast<double>(adapters.scratch_elements) * element;
  const double own_rows = tokens + probes * d(adapters.before.rows);
  const double prefix = element * d(adapters.before.keys * spec.kv_heads * (spec.head_dim + spec.value_dim));
  // A stream: its rows, those of a decoder beside an encoder, what was read of it; and its distances' biases.
  std::int64_t longest = 0;
  for (const auto& probe : layout.probes) longest = std::max(longest, static_cast<std::int64_t>(probe.size()));
  const double rows = own_rows + (spec.encodes_first() ? probes : 0);
  const double distances = spec.counts_distances() ? d(spec.heads) * 2 * d(longest) : 0;
  const double stream =
      element * (distances + d(spec.hidden) * (rows + 2 * probes * d(static_cast<std::int64_t>(taps.taps.size()))));
  const double running = element * (values * own_rows / tokens + 4 * own_rows * d(spec.hidden)) +
                         2 * static_cast<double>(adapters.layer_bytes) + 2 * prefix;

  Plan plan;
  plan.least = fixed + 3 * stream + running;
  const double left = memory > 0 ? static_cast<double>(memory) - fixed - stream : 1e18;
  // A chunk gets at most half of what is left, the streams the rest, and the reader what they leave.
  plan.chunk =
      std::clamp(static_cast<std::int64_t>(left / 2 / running), std::int64_t{1}, full_chunk(layout.tokens, device));
  const double for_streams = left - d(plan.chunk) * running;
  const std::int64_t most = std::clamp(variants, std::int64_t{1}, kMostTogether);
  plan.group = std::clamp(static_cast<std::int64_t>(for_streams / stream), std::int64_t{1}, most);
  const std::int64_t chunks = (plan.group + plan.chunk - 1) / plan.chunk;
  plan.chunk = (plan.group + chunks - 1) / chunks;  // of one size
  const double spare = for_streams - d(plan.group) * stream;
  // bfloat16 weights that are not reordered are the file's own bytes: they stay while the next layer's come.
  const bool stays =
      half && !PackedWeight::copies(at::kBFloat16, static_cast<std::int64_t>(largest), plan.group * layout.tokens);
  plan.read_ahead = static_cast<std::uint64_t>((stays ? 2 : 1) * raw + std::clamp(spare, 0.0, raw + 64.0 * 1048576));
  return plan;
}

}  // namespace deltascape::engine
