#include "engine/pass.h"

#include <algorithm>

#include "engine/delta_ops.h"
#include "engine/rounded_ops.h"

namespace deltascape::engine {

using model::ModelSpec;
using model::Module;
using model::Site;

namespace {

at::ScalarType dtype_of(Precision precision) { return precision == Precision::kFp64 ? at::kDouble : at::kFloat; }

bool same_shapes(const ModelSpec& a, const ModelSpec& b) {
  for (std::size_t m = 0; m < model::kBlockModules; ++m) {
    const Module module = model::module_at(m);
    if (a.has(module) != b.has(module) || (a.has(module) && a.shape(module) != b.shape(module))) return false;
  }
  return true;
}

}  // namespace

template <class F>
void Pass::guarded(Slot& slot, F&& work) {
  if (slot.error) return;
  try {
    work();
  } catch (const Error& e) {
    slot.error = e;
  } catch (const std::exception& e) {  // LibTorch's: one variant never stops the others
    slot.error = Error(ErrorCode::kInternal, e.what());
  }
}

Pass::Pass(const model::Checkpoint& base, std::vector<const Variant*> variants, const Layout& layout, const Taps& taps,
           const RunOptions& options, const Plan& plan)
    : base_(base),
      layout_(layout),
      taps_(taps),
      options_(options),
      plan_(plan),
      dtype_(dtype_of(options.precision)),
      loader_(base, dtype_, product_rows(variants.size())),
      base_stream_(base.spec(), layout, 1, dtype_) {
  for (std::size_t i = 0; i < variants.size(); ++i) {
    Slot slot{.variant = variants[i], .given = i, .precision = options.precision};
    if (variants[i]->adapter) slot.first_layer = variants[i]->adapter->first_layer(), ++adapters_;
    slots_.push_back(std::move(slot));
  }
  std::stable_sort(slots_.begin(), slots_.end(), [](const Slot& a, const Slot& b) {
    const bool full_a = a.variant->full != nullptr, full_b = b.variant->full != nullptr;
    return full_a != full_b ? full_b : a.first_layer < b.first_layer;
  });
  if (adapters_ > 0) stream_.emplace(base.spec(), layout, adapters_, dtype_);
  for (std::size_t i = static_cast<std::size_t>(adapters_); i < slots_.size(); ++i) {
    const ModelSpec& spec = slots_[i].variant->full->spec();
    slots_[i].own = std::make_unique<Stream>(spec, layout, 1, dtype_);
    // Without twins of the same shape a delta has nothing to stand beside.
    if (options.precision == Precision::kDelta && !same_shapes(spec, base.spec()))
      slots_[i].precision = Precision::kFp32;
  }
  place_check();
}

ProductRows Pass::product_rows(std::size_t variants) const {
  const auto n = static_cast<std::int64_t>(variants);
  const std::int64_t tokens = layout_.tokens;
  if (!reduced()) return {.each = plan_.chunk * tokens, .all = (n + 1) * tokens};
  const std::int64_t chunks = (n + plan_.chunk - 1) / plan_.chunk;  // each has its exact tokens, and there is the check
  return {.each = tokens,
          .all = tokens + (chunks + 1) * ProductRows::kLeastCounted,
          .each16 = plan_.chunk * tokens,
          .all16 = n * tokens};
}

std::int64_t Pass::active(int layer) const {
  std::int64_t n = 0;
  while (n < adapters_ && slots_[static_cast<std::size_t>(n)].first_layer <= layer) ++n;
  return n;
}

bool Pass::last(int layer) const { return layer + 1 == taps_.deepest() && taps_.position == Position::kLast; }

// What is read, in the order in which run_layer waits for it.
std::vector<Load> Pass::loads() const {
  std::vector<Load> out;
  for (int layer = 0; layer < taps_.deepest(); ++layer) {
    out.push_back(
        {base_.layer_bytes(layer), [this, layer] { base_.prefetch(layer); }, [this, layer] { base_.release(layer); }});
    for (std::int64_t first = 0; first < active(layer); first += plan_.chunk) {
      const std::size_t begin = static_cast<std::size_t>(first);
      const std::size_t end = static_cast<std::size_t>(std::min(first + plan_.chunk, active(layer)));
      Load load;
      for (std::size_t i = begin; i < end; ++i) load.bytes += slots_[i].variant->adapter->layer_bytes(layer);
      load.prefetch = [this, begin, end, layer] {
        for (std::size_t i = begin; i < end; ++i) slots_[i].variant->adapter->prefetch(layer);
      };
      load.release = [this, begin, end, layer] {
        for (std::size_t i = begin; i < end; ++i) slots_[i].variant->adapter->release(layer);
      };
      out.push_back(std::move(load));
    }
    for (std::size_t i = static_cast<std::size_t>(adapters_); i < slots_.size(); ++i) {
      const model::Checkpoint* full = slots_[i].variant->full.get();
      out.push_back({full->layer_bytes(layer), [full, layer] { full->prefetch(layer); },
                     [full, layer] { full->release(layer); }});
    }
  }
  return out;
}

// Reduced precision is measured on the first variant that changes anything, on the shortest probe.
void Pass::place_check() {
  if (!reduced() || slots_.empty() || slots_[0].first_layer > base_.spec().layer_count()) return;
  check_.emplace();
  const auto& probes = layout_.probes;
  const auto shortest =
      std::min_element(probes.begin(), probes.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
  check_->probe = static_cast<std::size_t>(shortest - probes.begin());
  check_->layout = make_layout({*shortest});
  const Variant& variant = *slots_[0].variant;
  const std::int64_t streams = options_.precision == Precision::kBf16 ? 2 : 1;
  check_->stream.emplace(variant.full ? variant.full->spec() : base_.spec(), check_->layout, streams, dtype_);
}

void Pass::embed() {
  // Only the rows that are used, read once each.
  const auto rows = [&](const model::Checkpoint& c, const Layout& layout) { return embedded(c, layout, dtype_); };
  const auto own_rows = [&](const Slot& slot, const Layout& layout) -> std::optional<at::Tensor> {
    if (slot.variant->full) return rows(*slot.variant->full, layout);
    return embedded(base_, *slot.variant->adapter, layout, dtype_);
  };
  base_stream_.rows.copy_(rows(base_, layout_));
  if (options_.precision == Precision::kBf16) base_stream_.rows.copy_(RoundedOps::rounded(base_stream_.rows));
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].first_layer > 0) continue;
    guarded(slots_[i], [&] {
      const at::Tensor to = slots_[i].own ? slots_[i].own->rows : stream_->of(static_cast<std::int64_t>(i));
      const auto own = own_rows(slots_[i], layout_);
      to.copy_(own ? *own : base_stream_.rows);
      if (options_.precision == Precision::kBf16) to.copy_(RoundedOps::rounded(to));
    });
  }
  if (!check_) return;
  guarded(slots_[0], [&] {
    const Layout& layout = check_->layout;
    const at::Tensor base = rows(base_, layout);
    if (options_.precision == Precision::kBf16) check_->stream->of(0).copy_(base);
    const auto own = slots_[0].first_layer > 0 ? std::nullopt : own_rows(slots_[0], layout);
    check_->stream->of(options_.precision == Precision::kBf16).copy_(own ? *own : base);
  });
}

void Pass::start(int layer) {
  for (std::int64_t i = 0; i < adapters_; ++i) {
    const Slot& slot = slots_[static_cast<std::size_t>(i)];
    if (slot.first_layer == layer && layer > 0) stream_->of(i).copy_(base_stream_.rows);
  }
}

at::Tensor Pass::block(int layer, const Stream& stream, const at::Tensor& rows, const LayerWeights& weights,
                       std::span<const LayerOps> ops, Precision precision, const Record* twins, Record* record) const {
  const at::Tensor tapped = last(layer) ? stream.layout.last : at::Tensor();
  const at::Tensor exact = taps_.position == Position::kLast ? stream.layout.last : at::Tensor();
  const LayerRun run{base_,         stream.spec, layer,  weights, stream.attention,
                     stream.layout, ops,         tapped, exact,   options_.breakdown};
  if (precision == Precision::kDelta) {
    DeltaOps execution(run, *twins);
    return model::run_block(stream.spec, layer, execution, rows);
  }
  if (precision == Precision::kBf16) {
    RoundedOps execution(run);
    return model::run_block(stream.spec, layer, execution, rows);
  }
  PlainOps execution(run, record);
  return model::run_block(stream.spec, layer, execution, rows);
}

void Pass::run_layer(int layer, Reader& reader) {
  const bool delta = options_.precision == Precision::kDelta;
  const std::size_t bytes = reader.wait();
  std::optional<LayerWeights> weights;
  {
    const Timed timed(options_.breakdown, Work::kConvert);
    weights.emplace(loader_.load(layer));
  }
  if (!weights->shows_file) reader.release(bytes);
  run_check(layer, *weights);  // before the base's stream moves on
  start(layer);
  Record twins;
  const LayerOps none[1];
  base_stream_.rows = block(layer, base_stream_, base_stream_.rows, *weights, none,
                            delta ? Precision::kFp32 : options_.precision, nullptr, delta ? &twins : nullptr);
  run_adapters(layer, *weights, twins, reader);
  for (std::size_t i = static_cast<std::size_t>(adapters_); i < slots_.size(); ++i) {
    const std::size_t own_bytes = reader.wait();
    run_full(layer, *weights, twins, slots_[i]);
    reader.release(own_bytes);
  }
  if (weights->shows_file) reader.release(bytes);
  base_stream_.pooled = last(layer);
  if (stream_) stream_->pooled = last(layer);
}

void Pass::run_adapters(int layer, const LayerWeights& weights, const Record& twins, Reader& reader) {
  const std::int64_t count = active(layer);
  at::Tensor tapped;
  if (last(layer) && stream_)
    tapped = at::empty({adapters_ * layout_.last.size(0), base_.spec().hidden}, stream_->rows.options());
  for (std::int64_t first = 0; first < count; first += plan_.chunk) {
    const std::int64_t many = std::min(plan_.chunk, count - first);
    std::vector<LayerOps> ops(static_cast<std::size_t>(many));
    const std::size_t bytes = reader.wait();
    {
      const Timed timed(options_.breakdown, Work::kConvert);
      for (std::int64_t i = 0; i < many; ++i) {
        Slot& slot = slots_[static_cast<std::size_t>(first + i)];
        guarded(slot,
                [&] { ops[static_cast<std::size_t>(i)] = LayerOps(*slot.variant->adapter, base_, layer, dtype_); });
      }
    }
    reader.release(bytes);
    const at::Tensor rows = stream_->of(first, many);
    const at::Tensor out = block(layer, *stream_, rows, weights, ops, options_.precision, &twins, nullptr);
    if (tapped.defined()) tapped.narrow(0, first * layout_.last.size(0), out.size(0)).copy_(out);
    else if (out.data_ptr() != rows.data_ptr()) rows.copy_(out);
  }
  if (tapped.defined()) stream_->rows = tapped;
}

void Pass::run_full(int layer, const LayerWeights& weights, const Record& twins, Slot& slot) {
  guarded(slot, [&] {
    const LayerOps ops[1] = {LayerOps(*slot.variant->full, layer, dtype_)};
    slot.own->rows = block(layer, *slot.own, slot.own->rows, weights, ops, slot.precision, &twins, nullptr);
    slot.own->pooled = last(layer);
  });
}

void Pass::run_check(int layer, const LayerWeights& weights) {
  if (!check_) return;
  Slot& slot = slots_[check_->slot];
  if (layer < slot.first_layer && options_.precision == Precision::kDelta) return;
  guarded(slot, [&] {
    std::vector<LayerOps> ops;
    if (options_.precision == Precision::kBf16) ops.emplace_back();
    if (slot.variant->full) ops.emplace_back(*slot.variant->full, layer, dtype_);
    else ops.emplace_back(*slot.variant->adapter, base_, layer, dtype_);
    if (layer == slot.first_layer && layer > 0 && options_.precision == Precision::kDelta)
      check_->stream->rows.copy_(base_stream_.of(0).narrow(0, layout_.starts[check_->probe], check_->layout.tokens));
    check_->stream->rows =
        block(layer, *check_->stream, check_->stream->rows, weights, ops, Precision::kFp32, nullptr, nullptr);
    check_->stream->pooled = last(layer);
  });
}

Norm Pass::final_norm(const Slot& slot) const {
  const Site site{Module::kFinalNorm};
  if (slot.variant->full) return loaded_norm(*slot.variant->full, site, dtype_);
  Norm norm = loaded_norm(base_, site, dtype_);
  const adapter::ModuleOps ops = slot.variant->adapter->ops(site, dtype_);
  if (ops.weight.defined()) norm.weight = norm_weight(base_.spec(), ops.weight);
  if (ops.bias.defined()) norm.bias = ops.bias;
  return norm;
}

void Pass::read_taps(int block) {
  for (const Tap& tap : taps_.taps) {
    if (tap.block != block) continue;
    const Norm base_norm = tap.final_norm ? loaded_norm(base_, {Module::kFinalNorm}, dtype_) : Norm();
    base_taps_.push_back(base_stream_.read(0, tap, taps_.position, base_norm));
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      const auto row = static_cast<std::int64_t>(i);
      // An adapter that changes nothing so far is the base, unless it brings a final norm.
      const bool moved = slot.own || slot.first_layer < block || (block == 0 && slot.first_layer == 0);
      const bool normed = tap.final_norm && slot.first_layer <= block;
      at::Tensor value = base_taps_.back();
      guarded(slot, [&] {
        const Norm norm = tap.final_norm ? final_norm(slot) : Norm();
        if (slot.own) value = slot.own->read(0, tap, taps_.position, norm);
        else if (moved) value = stream_->read(row, tap, taps_.position, norm);
        else if (normed) value = base_stream_.read(0, tap, taps_.position, norm);
      });
      slot.taps.push_back(value);
    }
    if (!check_) continue;
    guarded(slots_[0], [&] {
      const bool rounded = options_.precision == Precision::kBf16;
      const bool moved = slots_[0].own || slots_[0].first_layer < block || (block == 0 && slots_[0].first_layer == 0);
      const auto probe = static_cast<std::int64_t>(check_->probe);
      const Norm norm = tap.final_norm ? final_norm(slots_[0]) : Norm();
      const at::Tensor base =
          rounded ? check_->stream->read(0, tap, taps_.position, base_norm) : base_taps_.back().narrow(0, probe, 1);
      const at::Tensor value = moved || rounded ? check_->stream->read(rounded, tap, taps_.position, norm)
                                                : slots_[0].taps.back().narrow(0, probe, 1);
      check_->taps.push_back(value - base);
    });
  }
}

std::optional<double> Pass::measured_error() const {
  if (!check_ || slots_[0].error) return {};
  double worst = 0;
  bool any = false;
  const auto probe = static_cast<std::int64_t>(check_->probe);
  for (std::size_t t = 0; t < check_->taps.size(); ++t) {
    const at::Tensor expected = check_->taps[t].to(at::kDouble);
    const double size = expected.norm().item<double>();
    if (size == 0) continue;
    const at::Tensor got = (slots_[0].taps[t] - base_taps_[t]).narrow(0, probe, 1).to(at::kDouble);
    worst = std::max(worst, (got - expected).norm().item<double>() / size);
    any = true;
  }
  return any ? std::optional(worst) : std::nullopt;
}

RunResult Pass::results() const {
  RunResult out;
  // Taps were read in the order of their blocks; the caller's order may be another.
  std::vector<std::size_t> place;
  for (int block = 0; block <= taps_.deepest(); ++block)
    for (std::size_t t = 0; t < taps_.taps.size(); ++t)
      if (taps_.taps[t].block == block) place.push_back(t);
  const auto stacked = [&](const std::vector<at::Tensor>& read) {
    std::vector<at::Tensor> ordered(read.size());
    for (std::size_t i = 0; i < read.size(); ++i) ordered[place[i]] = read[i];
    return at::stack(ordered);
  };
  out.base = stacked(base_taps_);
  out.variants.resize(slots_.size());
  for (const Slot& slot : slots_) {
    VariantResult& v = out.variants[slot.given];
    v.error = slot.error;
    v.precision = slot.precision;
    if (!slot.error) v.delta = stacked(slot.taps) - out.base;
  }
  out.numeric_error = measured_error();
  return out;
}

RunResult Pass::operator()(Progress& progress) {
  embed();
  read_taps(0);
  Reader reader(loads(), plan_.read_ahead, options_.breakdown);
  for (int layer = 0; layer < taps_.deepest(); ++layer) {
    run_layer(layer, reader);
    read_taps(layer + 1);
    progress.advance(static_cast<std::int64_t>(slots_.size()) + 1);
  }
  return results();
}

}  // namespace deltascape::engine
