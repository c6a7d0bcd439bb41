// Owns splitting variants into passes, and what is said of a run as a whole.
#include "pass/engine.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>

#include "exec/buffers.h"
#include "pass/pass.h"

namespace deltascape::engine {
namespace {

std::string mebibytes(double bytes) { return std::to_string(static_cast<long long>(bytes / (1 << 20)) + 1) + " MiB"; }

Plan plan_for(const model::Checkpoint& base, const std::vector<Variant>& variants, const Layout& layout,
              const Taps& taps, const RunOptions& options, std::int64_t count) {
  AdapterNeeds most;
  for (const Variant& v : variants) {
    if (!v.adapter) continue;
    most.scratch_elements = std::max(most.scratch_elements, v.adapter->scratch_elements());
    most.before.rows = std::max(most.before.rows, v.adapter->virtual_tokens().rows);
    most.before.keys = std::max(most.before.keys, v.adapter->virtual_tokens().keys);
    for (int layer = 0; layer < base.spec().layer_count(); ++layer)
      most.layer_bytes = std::max(most.layer_bytes, v.adapter->layer_bytes(layer));
  }
  return make_plan(base, layout, taps, options.precision, options.device, options.memory, most, count);
}

void check_finite(RunResult& result) {
  if (!at::isfinite(result.base).all().item<bool>())
    throw Error(ErrorCode::kNumeric, "the base's hidden states hold NaN or Inf");
  for (VariantResult& v : result.variants)
    if (!v.error && !at::isfinite(v.delta).all().item<bool>())
      v.error = Error(ErrorCode::kNumeric, "its hidden states hold NaN or Inf");
}

}  // namespace

RunOptions computed(RunOptions options, const model::ModelSpec& spec) {
  if (options.precision == Precision::kDelta && !spec.propagates_deltas())
    options.precision = options.full_precision = Precision::kFp32;
  return options;
}

RunResult run(const model::Checkpoint& base, const std::vector<Variant>& variants, const Layout& layout,
              const Taps& taps, const RunOptions& given, Progress& progress) {
  const RunOptions options = computed(given, base.spec());
  const c10::InferenceMode inference;
  const bool limited = options.memory > 0 && options.device.is_cpu();
  const BufferScope buffers(limited ? options.memory : std::numeric_limits<std::size_t>::max());
  RunResult result;
  result.variants.resize(variants.size());
  std::vector<std::size_t> members;  // all but copies of the base
  for (std::size_t i = 0; i < variants.size(); ++i) {
    VariantResult& v = result.variants[i];
    v.precision = options.precision;
    if (variants[i].full) v.error = model::misfit(*variants[i].full, base);
    if (!v.error && (variants[i].adapter || variants[i].full)) members.push_back(i);
  }
  Plan plan = plan_for(base, variants, layout, taps, options, static_cast<std::int64_t>(members.size()));
  if (options.memory > 0 && static_cast<double>(options.memory) < plan.least)
    progress.note(option("memory") + " " + mebibytes(static_cast<double>(options.memory)) +
                  " is less than one layer and one variant need (" + mebibytes(plan.least) +
                  "): running one variant at a time");
  const auto group = static_cast<std::size_t>(plan.group);
  const std::size_t passes = std::max<std::size_t>(1, (members.size() + group - 1) / group);
  progress.begin("running", static_cast<std::int64_t>(members.size() + passes) * taps.deepest());
  for (std::size_t first = 0, pass = 0; pass < passes; ++pass, first += group) {
    const std::size_t end = std::min(members.size(), first + group);
    std::vector<const Variant*> together;
    for (std::size_t i = first; i < end; ++i) together.push_back(&variants[members[i]]);
    Pass one(base, std::move(together), layout, taps, options, plan);
    if (one.checks()) plan.check = false;  // of the next ones
    RunResult part = one(progress);
    result.base = part.base;
    for (std::size_t i = first; i < end; ++i) result.variants[members[i]] = std::move(part.variants[i - first]);
    if (one.checks()) result.numeric_error = part.numeric_error;
  }
  for (std::size_t i = 0; i < variants.size(); ++i)
    if (!variants[i].adapter && !variants[i].full) result.variants[i].delta = at::zeros_like(result.base);
  check_finite(result);
  return result;
}

}  // namespace deltascape::engine
