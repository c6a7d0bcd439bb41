#include "engine/autograd_ops.h"

#include <ATen/core/Reduction.h>

#include <algorithm>

#include "deltascape/error.h"
#include "engine/aten_math.h"
#include "engine/positions.h"

namespace deltascape::engine {

using adapter::LowRank;
using adapter::ModuleOps;
using model::Module;
using model::Param;
using model::Site;

const at::Tensor& Weights::operator()(Site site, Param param) {
  at::Tensor& slot = loaded_[{site, param}];
  if (!slot.defined()) slot = checkpoint_->load(site, param, dtype_);
  return slot;
}

void Cache::keep(const std::vector<std::size_t>& sequences) {
  for (std::vector<Entry>& layer : entries) {
    std::vector<Entry> kept;
    for (const std::size_t s : sequences) kept.push_back(layer[s]);
    layer = std::move(kept);
  }
}

const ModuleOps* AutogradOps::operator_at(Site site) const {
  const auto it = operators_.find(site);
  return it == operators_.end() ? nullptr : &it->second;
}

namespace {

at::Tensor apply_linear(Weights& weights, const ModuleOps* ops, Site site, const at::Tensor& x) {
  const at::Tensor& weight = ops && ops->weight.defined() ? ops->weight : weights(site);
  at::Tensor bias;
  if (ops && ops->bias.defined()) bias = ops->bias;
  else if (weights.spec().has_bias(site.module)) bias = weights(site, Param::kBias);
  const at::Tensor read = ops && ops->input ? ops->input->apply(x) : x;
  if (!ops) return at::linear(read, weight, bias);
  at::Tensor y = ops->out_scale.defined() ? at::linear(read, weight) * ops->out_scale : at::linear(read, weight, bias);
  if (ops->out_scale.defined() && bias.defined()) y = y + bias;
  for (const LowRank& l : ops->low_rank) y = y + at::linear(at::linear(x, l.a), l.b) * l.scale;
  for (const adapter::Product& p : ops->products) y = y + p.apply(x);
  return y;
}

at::Tensor apply_norm(Weights& weights, const ModuleOps* ops, Site site, const at::Tensor& x) {
  const model::ModelSpec& spec = weights.spec();
  Norm norm;
  if (ops && ops->weight.defined()) norm.weight = norm_weight(spec, ops->weight);
  else if (spec.has(site)) norm.weight = norm_weight(spec, weights(site));
  if (ops && ops->bias.defined()) norm.bias = ops->bias;
  else if (spec.has(site) && spec.has_bias(site.module)) norm.bias = weights(site, Param::kBias);
  return normalised(spec, site.module, x, norm);
}

// [rows, heads·dim] -> [rows, heads, dim]
at::Tensor by_head(const at::Tensor& x, std::int64_t dim) { return x.view({x.size(0), -1, dim}); }

}  // namespace

at::Tensor AutogradOps::linear(Module module, const at::Tensor& x) {
  return apply_linear(weights_, operator_at(site(module)), site(module), x);
}

at::Tensor AutogradOps::norm(Module module, const at::Tensor& x) {
  return apply_norm(weights_, operator_at(site(module)), site(module), x);
}

at::Tensor AutogradOps::gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) {
  return gated(activation, gate, up);
}

at::Tensor AutogradOps::bias_on_scores(const model::LayerSpec& layer, std::int64_t first, std::int64_t n,
                                       std::int64_t m) {
  const at::Tensor bias = score_bias(spec_, layer, first, n, m, weights_.dtype());
  if (!spec_.counts_distances()) return bias;
  const model::StackSpec& stack = spec_.stacks[static_cast<std::size_t>(layer.stack)];
  const at::Tensor buckets = relative_buckets(spec_.relative, stack.causal, first, n, m);
  const Site own{Module::kRelativeBias, spec_.has(Site{Module::kRelativeBias, layer_}) ? layer_ : stack.first};
  const ModuleOps* ops = operator_at(own);
  const at::Tensor& table = ops && ops->weight.defined() ? ops->weight : weights_(own);  // [buckets, heads]
  const at::Tensor position = table.index_select(0, buckets.flatten()).view({n, m, -1}).permute({2, 0, 1});
  return bias.defined() ? bias + position : position;
}

at::Tensor AutogradOps::attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) {
  const bool rotary = spec_.position == model::PositionKind::kRotary && layer.rope >= 0;
  std::vector<at::Tensor> out;
  std::int64_t row = 0;
  for (std::size_t s = 0; s < batch_.lengths.size(); ++s) {
    const std::int64_t n = batch_.lengths[s];
    Cache::Entry* entry = batch_.cache ? &batch_.cache->at(layer_, s) : nullptr;
    const std::int64_t seen = entry && entry->k.defined() ? entry->k.size(1) : 0;
    at::Tensor qs = by_head(q.narrow(0, row, n), spec_.head_dim), ks = by_head(k.narrow(0, row, n), spec_.head_dim);
    if (rotary) {
      const model::RopeSpec& rope = spec_.ropes[static_cast<std::size_t>(layer.rope)];
      qs = rotate(rope, qs, seen, seen + n);
      ks = rotate(rope, ks, seen, seen + n);
    }
    ks = ks.transpose(0, 1);  // [kv_heads, n, head_dim]
    at::Tensor vs = by_head(v.narrow(0, row, n), spec_.value_dim).transpose(0, 1);
    if (seen > 0) ks = at::cat({entry->k, ks}, 1), vs = at::cat({entry->v, vs}, 1);
    if (entry) entry->k = ks, entry->v = vs;
    out.push_back(attend(spec_, qs.transpose(0, 1), ks, vs, bias_on_scores(layer, seen, n, seen + n)));
    row += n;
  }
  return at::cat(out);
}

at::Tensor AutogradOps::memory() {
  const bool known = batch_.cache && batch_.cache->at(layer_, 0).cross_k.defined();
  return known ? at::Tensor() : batch_.memory;
}

at::Tensor AutogradOps::cross_attention(const model::LayerSpec&, const at::Tensor& q, const at::Tensor& k,
                                        const at::Tensor& v) {
  std::vector<at::Tensor> out;
  std::int64_t row = 0, memory_row = 0;
  for (std::size_t s = 0; s < batch_.lengths.size(); ++s) {
    Cache::Entry entry;
    if (k.defined()) {
      const std::int64_t m = batch_.memory_lengths[s];
      entry.cross_k = by_head(k.narrow(0, memory_row, m), spec_.head_dim).transpose(0, 1);
      entry.cross_v = by_head(v.narrow(0, memory_row, m), spec_.value_dim).transpose(0, 1);
      memory_row += m;
      if (batch_.cache) {
        batch_.cache->at(layer_, s).cross_k = entry.cross_k;
        batch_.cache->at(layer_, s).cross_v = entry.cross_v;
      }
    } else {
      entry = batch_.cache->at(layer_, s);
    }
    const at::Tensor qs = by_head(q.narrow(0, row, batch_.lengths[s]), spec_.head_dim).transpose(0, 1);
    out.push_back(attend(spec_, qs, entry.cross_k, entry.cross_v, {}));
    row += batch_.lengths[s];
  }
  return at::cat(out);
}

at::Tensor AutogradOps::experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) {
  at::Tensor y = at::zeros_like(x);
  for (const model::ExpertRows& e : model::by_expert(routing)) {
    expert_ = e.expert;
    y = y.index_add(0, e.rows, mlp(*this, x.index_select(0, e.rows)) * e.weights);
  }
  expert_ = -1;
  return y;
}

namespace {

// Rows of the table of learned positions for a batch's tokens.
at::Tensor learned_positions(Weights& weights, const Operators& operators, const Batch* batch) {
  const model::ModelSpec& spec = weights.spec();
  if (batch == nullptr) throw Error(ErrorCode::kInternal, "learned positions need to know the sequences");
  std::vector<std::int64_t> ids;
  for (std::size_t s = 0; s < batch->lengths.size(); ++s) {
    const at::Tensor seen = batch->cache ? batch->cache->at(0, s).k : at::Tensor();
    const std::int64_t first = spec.architecture->position_offset + (seen.defined() ? seen.size(1) : 0);
    if (first + batch->lengths[s] > spec.positions)
      throw Error(ErrorCode::kMismatch, "a sequence is longer than the positions this model has learned");
    for (std::int64_t i = 0; i < batch->lengths[s]; ++i) ids.push_back(first + i);
  }
  const auto own = operators.find({Module::kPositions});
  if (own != operators.end() && own->second.weight.defined())
    return own->second.weight.index_select(0, at::tensor(ids, at::kLong));
  return weights.checkpoint().rows(Module::kPositions, ids, weights.dtype());
}

}  // namespace

at::Tensor embed_tokens(Weights& weights, const Operators& operators, const std::vector<std::int64_t>& ids,
                        const Batch* batch) {
  const model::ModelSpec& spec = weights.spec();
  const auto own = operators.find({Module::kEmbed});
  at::Tensor rows = own != operators.end() && own->second.weight.defined()
                        ? own->second.weight.index_select(0, at::tensor(ids, at::kLong))
                        : weights.checkpoint().embedding_rows(ids, weights.dtype());
  if (spec.embedding_scale != 1) rows = rows * spec.embedding_scale;
  if (spec.has(Module::kPositions)) rows = rows + learned_positions(weights, operators, batch);
  if (spec.has(Module::kTokenTypes)) {
    const auto types = operators.find({Module::kTokenTypes});
    const bool replaced = types != operators.end() && types->second.weight.defined();
    rows = rows + (replaced ? types->second.weight : weights({Module::kTokenTypes})).narrow(0, 0, 1);
  }
  if (!spec.architecture->embed_norm) return rows;
  const auto norm = operators.find({Module::kEmbedNorm});
  return apply_norm(weights, norm == operators.end() ? nullptr : &norm->second, {Module::kEmbedNorm}, rows);
}

at::Tensor run_stack(Weights& weights, const Operators& operators, const Batch& batch, int stack, at::Tensor hidden,
                     std::vector<at::Tensor>* states) {
  const model::ModelSpec& spec = weights.spec();
  const model::StackSpec& s = spec.stacks[static_cast<std::size_t>(stack)];
  AutogradOps ops(weights, operators, batch);
  for (int layer = s.first; layer < s.first + s.layers; ++layer) {
    if (states) states->push_back(hidden);
    ops.enter(layer);
    hidden = model::run_block(spec, layer, ops, hidden);
  }
  if (spec.architecture->final_norm) hidden = ops.norm(s.final_norm, hidden);
  if (states) states->push_back(hidden);
  return hidden;
}

at::Tensor logits(Weights& weights, const Operators& operators, const at::Tensor& hidden) {
  const model::ModelSpec& spec = weights.spec();
  const Site site{spec.tied_head ? Module::kEmbed : Module::kHead};
  const auto own = operators.find(site);
  const at::Tensor x = spec.logit_scale == 1 ? hidden : hidden * spec.logit_scale;
  const at::Tensor y = apply_linear(weights, own == operators.end() ? nullptr : &own->second, site, x);
  return spec.final_softcap > 0 ? at::tanh(y / spec.final_softcap) * spec.final_softcap : y;
}

at::Tensor token_losses(Weights& weights, const Operators& operators, const at::Tensor& hidden,
                        const at::Tensor& targets) {
  constexpr std::int64_t kRowsAtOnce = 256;
  std::vector<at::Tensor> out;
  for (std::int64_t first = 0; first < hidden.size(0); first += kRowsAtOnce) {
    const std::int64_t rows = std::min(kRowsAtOnce, hidden.size(0) - first);
    const at::Tensor scores = logits(weights, operators, hidden.narrow(0, first, rows));
    out.push_back(at::cross_entropy_loss(scores, targets.narrow(0, first, rows), {}, at::Reduction::None));
  }
  return at::cat(out);
}

}  // namespace deltascape::engine
