// Owns the loop over layers, and the packing of variants into groups and chunks.
#include "engine/engine.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/plain_ops.h"

namespace deltascape::engine {
namespace {

using model::Checkpoint;
using model::ModelSpec;
using model::Module;
using model::Param;
using model::Site;

// Rows a GEMM should have: above this the rate is flat, and temporaries stay small.
constexpr std::int64_t kChunkRows = 1024;

// One pass through one checkpoint's layers: slot 0 is the checkpoint as it is, slots 1… are adapters on it, in the
// order in which they begin to differ from it, so that those that run are always the first ones.
class Pass {
 public:
  Pass(const Checkpoint& checkpoint, std::vector<const adapter::Adapter*> adapters, const Layout& layout,
       const Taps& taps, at::ScalarType dtype)
      : checkpoint_(checkpoint),
        spec_(checkpoint.spec()),
        layout_(layout),
        taps_(taps),
        dtype_(dtype),
        attention_(spec_, layout, dtype),
        adapters_(std::move(adapters)),
        errors_(adapters_.size()) {
    order_.resize(adapters_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t x, std::size_t y) {
      return adapters_[x]->first_layer() < adapters_[y]->first_layer();
    });
  }

  // Results in the order given; result[0] is the checkpoint's own.
  std::vector<at::Tensor> operator()(Progress& progress);
  std::vector<std::optional<Error>>& errors() { return errors_; }

 private:
  std::int64_t slots() const { return static_cast<std::int64_t>(order_.size()) + 1; }
  const adapter::Adapter& adapter_in(std::int64_t slot) const {
    return *adapters_[order_[static_cast<std::size_t>(slot) - 1]];
  }
  std::optional<Error>& error_in(std::int64_t slot) { return errors_[order_[static_cast<std::size_t>(slot) - 1]]; }
  void embed();
  void activate(int block);
  void run_layer(int layer);
  void read_taps(int block);
  // Runs `work` for an adapter's slot; its Error is kept, and the slot counts as failed from then on.
  template <class F>
  void guarded(std::int64_t slot, F&& work) {
    if (error_in(slot)) return;
    try {
      work();
    } catch (const Error& e) {
      error_in(slot) = e;
    } catch (const std::exception& e) {  // LibTorch's: one variant never stops the others
      error_in(slot) = Error(ErrorCode::kInternal, e.what());
    }
  }

  const Checkpoint& checkpoint_;
  const ModelSpec& spec_;
  const Layout& layout_;
  const Taps& taps_;
  at::ScalarType dtype_;
  Attention attention_;
  std::vector<const adapter::Adapter*> adapters_;
  std::vector<std::optional<Error>> errors_;
  std::vector<std::size_t> order_;
  at::Tensor hidden_;               // [slots, tokens, hidden]: the residual streams; in the end of tapped tokens alone
  bool pooled_ = false;             // hidden_ is [slots, probes, hidden]
  std::int64_t active_ = 1;         // slots that differ from the checkpoint by now, and the checkpoint itself
  std::vector<at::Tensor> tapped_;  // per tap [slots, probes, hidden]
};

void Pass::embed() {
  // Only the rows that are used, read once each.
  const double scale =
      spec_.architecture->scale_embeddings ? static_cast<float>(std::sqrt(static_cast<double>(spec_.hidden))) : 1.0;
  hidden_ = at::empty({slots(), layout_.tokens, spec_.hidden}, at::TensorOptions(dtype_));
  hidden_[0].copy_(checkpoint_.embedding_rows(layout_.ids, dtype_).mul_(scale));
  for (std::int64_t slot = 1; slot < slots() && adapter_in(slot).first_layer() == 0; ++slot)
    guarded(slot, [&] {
      const auto rows = adapter_in(slot).embedding_rows(layout_.ids, dtype_);
      hidden_[slot].copy_(rows ? rows->mul(scale) : hidden_[0]);
    });
  while (active_ < slots() && adapter_in(active_).first_layer() == 0) ++active_;
}

// Adapters that begin to differ in this block start from the checkpoint's stream.
void Pass::activate(int block) {
  for (; active_ < slots() && adapter_in(active_).first_layer() <= block; ++active_) hidden_[active_].copy_(hidden_[0]);
}

void Pass::run_layer(int layer) {
  const std::int64_t per_chunk = std::max<std::int64_t>(1, (kChunkRows + layout_.tokens - 1) / layout_.tokens);
  const LayerWeights weights = load_layer(checkpoint_, layer, dtype_, std::min(active_, per_chunk) * layout_.tokens);
  // The last block that is read needs queries, and all that follows, for the tapped tokens alone.
  const bool last = layer + 1 == taps_.deepest() && taps_.position == Position::kLast;
  at::Tensor tapped;
  if (last) tapped = at::empty({slots(), layout_.last.size(0), spec_.hidden}, at::TensorOptions(dtype_));
  for (std::int64_t first = 0; first < active_; first += per_chunk) {
    const std::int64_t count = std::min(per_chunk, active_ - first);
    std::vector<LayerOps> ops(static_cast<std::size_t>(count));
    for (std::int64_t slot = std::max<std::int64_t>(1, first); slot < first + count; ++slot)
      guarded(slot, [&] {
        for (std::size_t m = 0; m < model::kBlockModules; ++m)
          ops[static_cast<std::size_t>(slot - first)][m] =
              adapter_in(slot).ops(Site{model::module_at(m), layer}, dtype_);
      });
    PlainOps execution(spec_, weights, attention_, ops, last ? layout_.last : at::Tensor());
    at::Tensor rows = hidden_.narrow(0, first, count);
    const at::Tensor out = model::run_block(spec_, layer, execution, rows);
    if (last) tapped.narrow(0, first, count).copy_(out);
    else if (out.data_ptr() != rows.data_ptr()) rows.copy_(out);
  }
  if (last) hidden_ = tapped, pooled_ = true;
}

void Pass::read_taps(int block) {
  for (std::size_t t = 0; t < taps_.taps.size(); ++t) {
    const Tap& tap = taps_.taps[t];
    if (tap.block != block) continue;
    at::Tensor out =
        at::empty({slots(), static_cast<std::int64_t>(layout_.probes.size()), spec_.hidden}, at::TensorOptions(dtype_));
    at::Tensor base_norm;
    if (tap.final_norm) {
      activate(block);
      base_norm = norm_weight(spec_, checkpoint_.load({Module::kFinalNorm}, Param::kWeight, dtype_));
    }
    for (std::int64_t slot = 0; slot < active_; ++slot) {
      at::Tensor row = hidden_.narrow(0, slot, 1);
      at::Tensor norm = base_norm;
      if (tap.final_norm && slot > 0)
        guarded(slot, [&] {
          const adapter::ModuleOps ops = adapter_in(slot).ops({Module::kFinalNorm}, dtype_);
          if (ops.weight.defined()) norm = norm_weight(spec_, ops.weight);
        });
      // The norm is a token's own affair, so the last position needs it for the last token alone.
      const bool late = taps_.position == Position::kLast;
      if (tap.final_norm && !late) row = rms_norm(row, norm, spec_.norm_eps);
      if (!pooled_) row = pool(row, layout_, taps_.position);
      if (tap.final_norm && late) row = rms_norm(row, norm, spec_.norm_eps);
      out[slot].copy_(row[0]);
    }
    for (std::int64_t slot = active_; slot < slots(); ++slot) out[slot].copy_(out[0]);
    tapped_[t] = out;
  }
}

std::vector<at::Tensor> Pass::operator()(Progress& progress) {
  tapped_.resize(taps_.taps.size());
  embed();
  read_taps(0);
  for (int layer = 0; layer < taps_.deepest(); ++layer) {
    activate(layer);
    run_layer(layer);
    read_taps(layer + 1);
    progress.advance(slots());
  }
  const at::Tensor all = at::stack(tapped_, 1);  // [slots, taps, probes, hidden]
  std::vector<at::Tensor> results(static_cast<std::size_t>(slots()));
  results[0] = all[0];
  for (std::int64_t slot = 1; slot < slots(); ++slot)
    results[order_[static_cast<std::size_t>(slot) - 1] + 1] = all[slot];
  return results;
}

std::string mebibytes(double bytes) { return std::to_string(static_cast<long long>(bytes / (1 << 20)) + 1) + " MiB"; }

// How many variants run together within the budget; at least one, with a word to the user when even that is too many.
std::size_t group_size(const ModelSpec& spec, const Layout& layout, const Taps& taps, const RunOptions& options,
                       Progress& progress) {
  const double element = static_cast<double>(at::elementSize(options.dtype));
  const double q = static_cast<double>(spec.heads * spec.head_dim),
               kv = static_cast<double>(spec.kv_heads * spec.head_dim);
  const double h = static_cast<double>(spec.hidden), mlp = static_cast<double>(spec.intermediate);
  const double layer = element * (2 * h * q + 2 * h * kv + 3 * h * mlp) * 2;  // once read, once reordered
  const double rows = static_cast<double>(kChunkRows + layout.tokens);
  const double temporaries = element * rows * (4 * h + 6 * q + 4 * kv + 3 * mlp);
  const double probes = static_cast<double>(layout.probes.size() * taps.taps.size());
  const double variant = element * h * (static_cast<double>(layout.tokens) + 2 * probes);
  const double least = layer + temporaries + 2 * variant;
  if (static_cast<double>(options.memory) < least)
    progress.note("--memory " + mebibytes(static_cast<double>(options.memory)) +
                  " is less than one layer and one variant need (" + mebibytes(least) +
                  "): running one variant at a time");
  const double left = static_cast<double>(options.memory) - layer - temporaries;
  return static_cast<std::size_t>(std::clamp(left / variant - 1, 1.0, 1e9));
}

bool fits(const ModelSpec& a, const ModelSpec& b) { return a.hidden == b.hidden && a.layer_count() == b.layer_count(); }

void check_finite(RunResult& result) {
  if (!at::isfinite(result.base).all().item<bool>())
    throw Error(ErrorCode::kNumeric, "the base's hidden states hold NaN or Inf");
  for (std::size_t i = 0; i < result.deltas.size(); ++i)
    if (!result.errors[i] && !at::isfinite(result.deltas[i]).all().item<bool>())
      result.errors[i] = Error(ErrorCode::kNumeric, "its hidden states hold NaN or Inf");
}

}  // namespace

RunResult run(const Checkpoint& base, const std::vector<Variant>& variants, const Layout& layout, const Taps& taps,
              const RunOptions& options, Progress& progress) {
  const c10::InferenceMode inference;
  RunResult result;
  result.deltas.resize(variants.size());
  result.errors.resize(variants.size());
  std::vector<std::size_t> adapters, full;
  for (std::size_t i = 0; i < variants.size(); ++i) {
    if (variants[i].adapter) adapters.push_back(i);
    else if (variants[i].full) full.push_back(i);
  }
  const std::size_t group = group_size(base.spec(), layout, taps, options, progress);
  const std::size_t passes = std::max<std::size_t>(1, (adapters.size() + group - 1) / group);
  progress.begin("running", static_cast<std::int64_t>((adapters.size() + passes + full.size())) * taps.deepest());

  for (std::size_t pass = 0; pass < passes; ++pass) {
    const std::size_t first = pass * group, last = std::min(adapters.size(), first + group);
    std::vector<const adapter::Adapter*> members;
    for (std::size_t i = first; i < last; ++i) members.push_back(variants[adapters[i]].adapter.get());
    Pass one(base, std::move(members), layout, taps, options.dtype);
    const std::vector<at::Tensor> values = one(progress);
    result.base = values[0];
    for (std::size_t i = first; i < last; ++i) {
      result.deltas[adapters[i]] = values[i - first + 1] - values[0];
      result.errors[adapters[i]] = one.errors()[i - first];
    }
  }
  for (const std::size_t i : full) {
    try {
      if (!fits(variants[i].full->spec(), base.spec()))
        throw Error(ErrorCode::kMismatch, "this model is no finetune of the base: other width or depth",
                    {.path = variants[i].full->path().string()});
      result.deltas[i] = Pass(*variants[i].full, {}, layout, taps, options.dtype)(progress)[0] - result.base;
    } catch (const Error& e) {
      result.errors[i] = e;
    } catch (const std::exception& e) {
      result.errors[i] = Error(ErrorCode::kInternal, e.what());
    }
  }
  for (std::size_t i = 0; i < variants.size(); ++i)
    if (!variants[i].adapter && !variants[i].full) result.deltas[i] = at::zeros_like(result.base);
  check_finite(result);
  return result;
}

}  // namespace deltascape::engine
