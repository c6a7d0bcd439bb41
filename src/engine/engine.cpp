// Owns splitting variants into passes, and what is said of a run as a whole.
#include "engine/engine.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>

#include "engine/buffers.h"
#include "engine/pass.h"

namespace deltascape::engine {
namespace {

std::string mebibytes(double bytes) { return std::to_string(static_cast<long long>(bytes / (1 << 20)) + 1) + " MiB"; }

bool fits(const model::ModelSpec& a, const model::ModelSpec& b) {
  return a.hidden == b.hidden && a.layer_count() == b.layer_count() && a.decoder_first() == b.decoder_first() &&
         a.architecture->stacks == b.architecture->stacks && a.architecture->final_norm == b.architecture->final_norm;
}

Plan plan_for(const model::Checkpoint& base, const std::vector<Variant>& variants, const Layout& layout,
              const Taps& taps, const RunOptions& options, std::int64_t count) {
  AdapterBytes most;
  for (const Variant& v : variants) {
    if (v.adapter) most.scratch_elements = std::max(most.scratch_elements, v.adapter->scratch_elements());
    for (int layer = 0; v.adapter && layer < base.spec().layer_count(); ++layer)
      most.layer = std::max(most.layer, v.adapter->layer_bytes(layer));
  }
  return make_plan(base, layout, taps, options.precision, options.memory, most, count);
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
  const BufferScope buffers(options.memory > 0 ? options.memory : std::numeric_limits<std::size_t>::max());
  RunResult result;
  result.variants.resize(variants.size());
  std::vector<std::size_t> members;  // all but copies of the base
  for (std::size_t i = 0; i < variants.size(); ++i) {
    VariantResult& v = result.variants[i];
    v.precision = options.precision;
    if (variants[i].full && !fits(variants[i].full->spec(), base.spec()))
      v.error = Error(ErrorCode::kMismatch, "this model is no finetune of the base: other width or depth",
                      {.path = variants[i].full->path().string()});
    else if (variants[i].adapter || variants[i].full) members.push_back(i);
  }
  const Plan plan = plan_for(base, variants, layout, taps, options, static_cast<std::int64_t>(members.size()));
  if (options.memory > 0 && static_cast<double>(options.memory) < plan.least)
    progress.note("--memory " + mebibytes(static_cast<double>(options.memory)) +
                  " is less than one layer and one variant need (" + mebibytes(plan.least) +
                  "): running one variant at a time");
  const auto group = static_cast<std::size_t>(plan.group);
  const std::size_t passes = std::max<std::size_t>(1, (members.size() + group - 1) / group);
  progress.begin("running", static_cast<std::int64_t>(members.size() + passes) * taps.deepest());
  for (std::size_t first = 0, pass = 0; pass < passes; ++pass, first += group) {
    const std::size_t end = std::min(members.size(), first + group);
    std::vector<const Variant*> together;
    for (std::size_t i = first; i < end; ++i) together.push_back(&variants[members[i]]);
    RunResult part = Pass(base, std::move(together), layout, taps, options, plan)(progress);
    result.base = part.base;
    for (std::size_t i = first; i < end; ++i) result.variants[members[i]] = std::move(part.variants[i - first]);
    if (part.numeric_error) result.numeric_error = std::max(result.numeric_error.value_or(0), *part.numeric_error);
  }
  for (std::size_t i = 0; i < variants.size(); ++i)
    if (!variants[i].adapter && !variants[i].full) result.variants[i].delta = at::zeros_like(result.base);
  check_finite(result);
  return result;
}

std::size_t group_size(const model::Checkpoint& base, const Layout& layout, const Taps& taps,
                       const RunOptions& options) {
  return static_cast<std::size_t>(
      plan_for(base, {}, layout, taps, computed(options, base.spec()), std::numeric_limits<std::int64_t>::max()).group);
}

}  // namespace deltascape::engine
