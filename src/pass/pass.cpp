#include "pass/pass.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

namespace deltascape::engine {

using model::ModelSpec;
using model::Module;

namespace {

bool same_shapes(const ModelSpec& a, const ModelSpec& b) {
  for (std::size_t m = 0; m < model::kBlockModules; ++m) {
    const Module module = model::module_at(m);
    if (a.has(module) != b.has(module) || (a.has(module) && a.shape(module) != b.shape(module))) return false;
  }
  return true;
}

}  // namespace

Pass::Pass(const model::Checkpoint& base, std::vector<const Variant*> variants, const Layout& layout, const Taps& taps,
           const RunOptions& options, const Plan& plan)
    : setting_{base, layout, taps, options},
      plan_(plan),
      decoder_(decoder_layout(layout, base.spec().start_token)),
      loader_(base, setting_.dtype(), product_rows(variants, layout.tokens), product_rows(variants, decoder_.tokens)),
      base_stream_(base.spec(), layout, 1, setting_.options_of_rows()) {
  place(variants);
  if (adapters_ > 0) stream_.emplace(base.spec(), layout, adapters_, setting_.options_of_rows());
  for (Slot& slot : slots_)
    if (slot.variant->full || slot.virtual_tokens().any()) make_own(slot);
  Slot* first = nullptr;  // as they were given, of those in reduced precision
  for (Slot& slot : slots_) {
    const bool reduced = slot.precision == Precision::kDelta;
    if (reduced && slot.first_layer <= base.spec().layer_count() && (!first || slot.given < first->given))
      first = &slot;
  }
  if (first && plan.check) check_.emplace(setting_, *first);
}

// Adapters in the order in which they begin to differ, so that those that run are always the first ones.
void Pass::place(const std::vector<const Variant*>& variants) {
  // Those that share a stream, then full finetunes, then those with virtual tokens.
  const auto kind = [](const Slot& s) { return s.variant->full ? 1 : s.virtual_tokens().any() ? 2 : 0; };
  for (std::size_t i = 0; i < variants.size(); ++i) {
    Slot slot{.variant = variants[i], .given = i, .precision = setting_.options.precision};
    if (variants[i]->adapter) slot.first_layer = variants[i]->adapter->first_layer();
    if (kind(slot) == 0) ++adapters_;
    slots_.push_back(std::move(slot));
  }
  std::stable_sort(slots_.begin(), slots_.end(), [&](const Slot& a, const Slot& b) {
    return std::pair(kind(a), a.first_layer) < std::pair(kind(b), b.first_layer);
  });
}

void Pass::make_own(Slot& slot) const {
  const model::ModelSpec& spec = slot.spec(setting_);
  const adapter::VirtualTokens before = slot.virtual_tokens();
  if (before.any()) slot.layout = std::make_unique<Layout>(make_layout(setting_.layout.probes, before));
  slot.own =
      std::make_unique<Stream>(spec, slot.layout ? *slot.layout : setting_.layout, 1, setting_.options_of_rows());
  if (!setting_.reduced()) return;
  // Without twins, rows of the same shape in the base, a delta has nothing to stand beside. A prefix has some, but what
  // it does to the tiniest models in delta is beyond the bound (1.05e-2 of the embedding).
  const bool twins = !before.any() && setting_.options.device.is_cpu() && same_shapes(spec, setting_.base.spec());
  if (!twins) slot.precision = Precision::kFp32;
  else if (slot.variant->full) slot.precision = setting_.options.full_precision;
}

ProductRows Pass::product_rows(const std::vector<const Variant*>& variants, std::int64_t tokens) const {
  const auto n = static_cast<std::int64_t>(variants.size()), probes = setting_.layout.last.size(0);
  if (!setting_.reduced()) return {.each = plan_.chunk * tokens, .all = (n + 1) * tokens};
  std::int64_t exact = tokens;  // rows in fp32: the base's, and those of variants with virtual tokens
  for (const Variant* v : variants)
    if (v->adapter && v->adapter->virtual_tokens().any()) exact += tokens + probes * v->adapter->virtual_tokens().rows;
  const std::int64_t chunks = (n + plan_.chunk - 1) / plan_.chunk;  // each has its exact tokens, and there is the check
  return {.each = tokens,
          .all = exact + (chunks + 1) * ProductRows::kLeastCounted,
          .each16 = plan_.chunk * tokens,
          .all16 = n * tokens};
}

bool Pass::resident(int layer) const {
  return setting_.options.layers != nullptr && setting_.options.layers->resident(layer);
}

std::int64_t Pass::active(int layer) const {
  std::int64_t n = 0;
  while (n < adapters_ && slots_[static_cast<std::size_t>(n)].first_layer <= layer) ++n;
  return n;
}

Load Pass::adapter_load(int layer, std::int64_t first, std::int64_t end) const {
  std::vector<const adapter::Adapter*> members;
  for (std::int64_t i = first; i < end; ++i)
    members.push_back(slots_[static_cast<std::size_t>(i)].variant->adapter.get());
  Load load;
  for (const adapter::Adapter* a : members) load.bytes += a->layer_bytes(layer);
  load.prefetch = [members, layer] {
    for (const adapter::Adapter* a : members) a->prefetch(layer);
  };
  load.release = [members, layer] {
    for (const adapter::Adapter* a : members) a->release(layer);
  };
  return load;
}

// What is read, in the order in which run_layer waits for it.
std::vector<Load> Pass::loads() const {
  std::vector<Load> out;
  const auto add = [&](const model::Checkpoint& c, int layer) {
    out.push_back({c.layer_bytes(layer), [&c, layer] { c.prefetch(layer); }, [&c, layer] { c.release(layer); }});
  };
  for (int layer = 0; layer < setting_.taps.deepest(); ++layer) {
    if (!resident(layer)) add(setting_.base, layer);
    for (std::int64_t first = 0; first < active(layer); first += plan_.chunk)
      out.push_back(adapter_load(layer, first, std::min(first + plan_.chunk, active(layer))));
    for (std::size_t i = static_cast<std::size_t>(adapters_); i < slots_.size(); ++i) {
      if (slots_[i].variant->full) add(*slots_[i].variant->full, layer);
      else out.push_back(adapter_load(layer, static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1));
    }
  }
  return out;
}

void Pass::embed() {
  // Only the rows that are used, read once each.
  base_stream_.rows.copy_(embedded(setting_.base, setting_.layout, setting_.dtype()));
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.first_layer > 0) continue;
    slot.guarded([&] {
      const at::Tensor to = slot.own ? slot.own->rows : stream_->of(static_cast<std::int64_t>(i));
      const auto own = slot.embedding(setting_, slot.own ? *slot.own->layout : setting_.layout);
      to.copy_(own ? *own : base_stream_.rows);
    });
  }
  if (check_) check_->embed();
}

void Pass::start(int layer) {
  for (std::int64_t i = 0; i < adapters_; ++i) {
    const Slot& slot = slots_[static_cast<std::size_t>(i)];
    if (slot.first_layer == layer && layer > 0) stream_->branch(i, base_stream_);
  }
  if (check_) check_->start(layer, base_stream_);
}

void Pass::start_decoder() {
  const Norm base_norm = loaded_norm(setting_.base, {Module::kEncoderNorm}, setting_.dtype());
  const at::Tensor first = embedded(setting_.base, decoder_, setting_.dtype());
  base_stream_.switch_to(decoder_);
  base_stream_.start_decoder(0, base_norm, first);
  if (stream_) stream_->switch_to(decoder_);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    slot.guarded([&] {
      if (slot.own) slot.own->switch_to(decoder_);
      const Norm norm = slot.outer_norm(setting_, Module::kEncoderNorm, base_norm);
      const auto own = slot.embedding(setting_, decoder_);
      Stream& stream = slot.own ? *slot.own : *stream_;
      stream.start_decoder(slot.own ? 0 : static_cast<std::int64_t>(i), norm, own ? *own : first);
    });
  }
  if (check_) check_->start_decoder(base_norm);
}

void Pass::run_layer(int layer, Reader& reader) {
  const bool delta = setting_.reduced();
  std::optional<std::size_t> bytes;
  if (!resident(layer)) bytes = reader.wait();
  std::optional<LayerWeights> weights;
  {
    const Timed timed(setting_.options.breakdown, Work::kConvert);
    DeviceLayers* device = setting_.options.layers;
    weights.emplace(device != nullptr ? device->load(layer, setting_.dtype(), delta) : loader_.load(layer));
  }
  if (bytes && !weights->shows_file) reader.release(*bytes);
  if (weights->relative.defined()) {  // those that bring their own replace it
    base_stream_.attention.set_relative(layer, weights->relative, 0, 1);
    if (stream_) stream_->attention.set_relative(layer, weights->relative, 0, adapters_);
  }
  if (check_) check_->run(layer, *weights);
  Record twins;
  const LayerOps none[1];
  base_stream_.rows = run_rows(setting_, base_stream_,
                               {.layer = layer,
                                .weights = *weights,
                                .ops = none,
                                .precision = delta ? Precision::kFp32 : setting_.options.precision,
                                .record = delta ? &twins : nullptr});
  run_adapters(layer, *weights, twins, reader);
  for (Slot& slot : slots_) {
    if (!slot.own) continue;
    const std::size_t own_bytes = reader.wait();
    run_own(layer, *weights, twins, slot);
    reader.release(own_bytes);
  }
  if (bytes && weights->shows_file) reader.release(*bytes);
  base_stream_.pooled = setting_.last(layer);
  if (stream_) stream_->pooled = setting_.last(layer);
}

void Pass::run_adapters(int layer, const LayerWeights& weights, const Record& twins, Reader& reader) {
  const std::int64_t count = active(layer), probes = setting_.layout.last.size(0);
  at::Tensor tapped;
  if (setting_.last(layer) && stream_)
    tapped = at::empty({adapters_ * probes, setting_.base.spec().hidden}, stream_->rows.options());
  for (std::int64_t first = 0; first < count; first += plan_.chunk) {
    const std::int64_t many = std::min(plan_.chunk, count - first);
    std::vector<LayerOps> ops(static_cast<std::size_t>(many));
    const std::size_t bytes = reader.wait();
    {
      const Timed timed(setting_.options.breakdown, Work::kConvert);
      at::parallel_for(0, many, 1, [&](std::int64_t begin, std::int64_t end) {
        const c10::InferenceMode inference;  // a thread's own affair
        for (std::int64_t i = begin; i < end; ++i) {
          Slot& slot = slots_[static_cast<std::size_t>(first + i)];
          slot.guarded([&] { ops[static_cast<std::size_t>(i)] = slot.ops(setting_, layer); });
        }
      });
    }
    reader.release(bytes);
    const at::Tensor rows = stream_->of(first, many);
    const at::Tensor out = run_rows(setting_, *stream_,
                                    {.layer = layer,
                                     .first = first,
                                     .weights = weights,
                                     .ops = ops,
                                     .precision = setting_.options.precision,
                                     .twins = &twins});
    if (tapped.defined()) tapped.narrow(0, first * probes, out.size(0)).copy_(out);
    else if (out.data_ptr() != rows.data_ptr()) rows.copy_(out);
  }
  if (tapped.defined()) stream_->rows = tapped;
}

void Pass::run_own(int layer, const LayerWeights& weights, const Record& twins, Slot& slot) {
  slot.guarded([&] {
    const LayerOps ops[1] = {slot.ops(setting_, layer)};
    slot.own->rows =
        run_rows(setting_, *slot.own,
                 {.layer = layer, .weights = weights, .ops = ops, .precision = slot.precision, .twins = &twins});
    slot.own->pooled = setting_.last(layer);
  });
}

void Pass::read_taps(int block) {
  const Position position = setting_.taps.position;
  for (const Tap& tap : setting_.taps.taps) {
    if (tap.block != block) continue;
    const Ending base_ending = tap.ended ? loaded_ending(setting_.base, setting_.dtype()) : Ending();
    base_taps_.push_back(base_stream_.read(0, tap, position, base_ending));
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      at::Tensor value = base_taps_.back();  // an adapter that changes nothing so far is the base
      slot.guarded([&] {
        const bool ends = tap.ended && slot.first_layer <= block;  // unless it changes what comes last
        const Ending ending = tap.ended ? slot.ending(setting_, base_ending) : Ending();
        if (slot.own) value = slot.own->read(0, tap, position, ending);
        else if (slot.moved(block)) value = stream_->read(static_cast<std::int64_t>(i), tap, position, ending);
        else if (ends) value = base_stream_.read(0, tap, position, ending);
      });
      slot.taps.push_back(value);
    }
    if (check_) check_->read(tap, base_taps_.back(), base_ending);
  }
}

RunResult Pass::results() const {
  RunResult out;
  // Taps were read in the order of their blocks; the caller's order may be another.
  const std::vector<Tap>& taps = setting_.taps.taps;
  std::vector<std::size_t> place;
  for (int block = 0; block <= setting_.taps.deepest(); ++block)
    for (std::size_t t = 0; t < taps.size(); ++t)
      if (taps[t].block == block) place.push_back(t);
  const auto in_order = [&](const std::vector<at::Tensor>& read) {
    std::vector<at::Tensor> ordered(read.size());
    for (std::size_t i = 0; i < read.size(); ++i) ordered[place[i]] = read[i];
    return stacked(std::move(ordered));
  };
  out.base = in_order(base_taps_);
  out.variants.resize(slots_.size());
  for (const Slot& slot : slots_) {
    VariantResult& v = out.variants[slot.given];
    v.error = slot.error;
    v.precision = slot.precision;
    if (!slot.error) v.delta = in_order(slot.taps) - out.base;
  }
  if (check_) out.numeric_error = check_->error(base_taps_);
  return out;
}

RunResult Pass::operator()(Progress& progress) {
  embed();
  Reader reader(loads(), plan_.read_ahead, setting_.options.breakdown);
  const int deepest = setting_.taps.deepest(), decoder = setting_.base.spec().decoder_first();
  for (int layer = 0; layer <= deepest; ++layer) {
    if (layer < deepest || layer == decoder) start(layer);
    if (layer == decoder && layer > 0) start_decoder();
    read_taps(layer);
    if (layer == deepest) break;
    run_layer(layer, reader);
    advance(progress, static_cast<std::int64_t>(slots_.size()) + 1);
  }
  for (const Slot& slot : slots_) {
    if (slot.variant->adapter) slot.variant->adapter->release();
    else slot.variant->full->release();
  }
  return results();
}

}  // namespace deltascape::engine
