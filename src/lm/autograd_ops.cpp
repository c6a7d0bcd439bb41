#include "lm/autograd_ops.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "core/mix.h"
#include "deltascape/error.h"
#include "exec/aten_math.h"
#include "exec/evaluate.h"
#include "exec/first_rows.h"
#include "exec/positions.h"
#include "lm/autograd_functions.h"
#include "lm/recompute.h"

namespace deltascape::engine {

using adapter::LowRank;
using adapter::ModuleOps;
using model::Module;
using model::Param;
using model::Site;

const ModuleOps* operator_at(const Operators& operators, Site site) {
  const auto it = operators.find(site);
  return it == operators.end() ? nullptr : &it->second;
}

namespace {

bool trains(const at::Tensor& t) { return t.defined() && t.requires_grad(); }

// Of one site's mask.
std::uint64_t mask_key(std::uint64_t seed, Site site) {
  std::uint64_t key = seed;
  for (const auto part : {static_cast<int>(site.module), site.layer, site.expert})
    key = mixed(key + kSplitMixStep + static_cast<std::uint64_t>(part));
  return key;
}

// One variant's linear under autograd. A pair goes with the base's product where nothing comes between.
class DifferentiableSteps final : public LinearSteps {
 public:
  DifferentiableSteps(Weights& weights, Site site, const TrainingPass& training, const LinearTerms& terms)
      : LinearSteps(adapter::aten_linear), weights_(weights), site_(site), training_(training) {
    const bool between = terms.input || terms.weight.defined() || terms.out_scale.defined() || training.dropout > 0;
    if (!between && !terms.low_rank.empty()) first_ = &terms.low_rank.front();
  }
  at::Tensor base(const at::Tensor& x, const at::Tensor& bias, std::size_t) override {
    return with(bias, [&](const at::Tensor& frozen) { return frozen_linear(weights_, site_, x, frozen, first_); });
  }
  at::Tensor own(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::size_t) override {
    return with(bias, [&](const at::Tensor& frozen) { return own_linear(weights_, weight, x, frozen); });
  }
  at::Tensor add_low_rank(at::Tensor y, const at::Tensor& x, std::span<const LinearTerms> variants) override {
    LinearTerms left = variants[0];
    if (first_ != nullptr) left.low_rank = left.low_rank.subspan(1);
    if (left.low_rank.empty()) return y;
    const bool drops = training_.dropout > 0;
    const at::Tensor seen = drops ? dropped(x, training_.dropout, mask_key(training_.seed, site_)) : x;
    return LinearSteps::add_low_rank(std::move(y), seen, {&left, 1});
  }

 private:
  // The products give a bias no gradient.
  template <class Make>
  static at::Tensor with(const at::Tensor& bias, const Make& make) {
    return trains(bias) ? make(at::Tensor()) + bias : make(bias);
  }

  Weights& weights_;
  Site site_;
  const TrainingPass& training_;
  const LowRank* first_ = nullptr;
};

at::Tensor apply_linear(Weights& weights, const ModuleOps* ops, Site site, const at::Tensor& x,
                        const TrainingPass& training = {}) {
  const bool own = ops && ops->bias.defined();
  const at::Tensor bias = !own && weights.spec().has_bias(site.module) ? weights(site, Param::kBias) : at::Tensor();
  static const ModuleOps kNothing;
  const LinearTerms terms = terms_of(ops ? *ops : kNothing, x.size(0), bias);
  DifferentiableSteps steps(weights, site, training, terms);
  return evaluate(steps, {&terms, 1}, x, terms.bias);
}

at::Tensor apply_norm(Weights& weights, const ModuleOps* ops, Site site, const at::Tensor& x) {
  const model::ModelSpec& spec = weights.spec();
  Norm norm;
  if (ops && ops->weight.defined()) norm.weight = norm_weight(spec, ops->weight);
  else if (spec.has(site)) norm.weight = norm_weight(spec, weights(site));
  if (ops && ops->bias.defined()) norm.bias = ops->bias;
  else if (spec.has(site) && spec.has_bias(site.module)) norm.bias = weights(site, Param::kBias);
  if (spec.norm == model::NormKind::kRms && !trains(norm.weight))
    return rms_normalised(x, norm.weight, spec.eps(site.module));
  return normalised(spec, site.module, x, norm);
}

// Rows of a table that operators may have changed: [ids, width].
at::Tensor looked_up(Weights& weights, const Operators& operators, Module module, std::span<const std::int64_t> ids) {
  const ModuleOps* ops = operator_at(operators, {module});
  if (!ops) return weights.checkpoint().rows(module, ids, weights.dtype());
  const at::Tensor index = at::tensor(at::ArrayRef(ids.data(), ids.size()), at::kLong);
  at::Tensor rows = ops->weight.defined() ? ops->weight.index_select(0, index)
                                          : weights.checkpoint().rows(module, ids, weights.dtype());
  for (const LowRank& l : ops->low_rank) rows = rows + at::mm(l.a.index_select(1, index).t(), l.b.t()) * l.scale;
  if (!ops->rows.defined()) return rows;
  const at::Tensor same = index.unsqueeze(1) == ops->rows.ids.unsqueeze(0);  // [ids, changed rows]
  return at::where(same.any(1, true), ops->rows.rows.index_select(0, same.to(at::kByte).argmax(1)), rows);
}

// [rows, heads·dim] -> [rows, heads, dim]
at::Tensor by_head(const at::Tensor& x, std::int64_t dim) { return x.view({x.size(0), -1, dim}); }

}  // namespace

at::Tensor AutogradOps::linear(Module module, const at::Tensor& x) {
  return apply_linear(weights_, operator_at(operators_, site(module)), site(module), x, batch_.training);
}

at::Tensor AutogradOps::norm(Module module, const at::Tensor& x) {
  return apply_norm(weights_, operator_at(operators_, site(module)), site(module), x);
}

at::Tensor AutogradOps::ended(const model::StackSpec& stack, const at::Tensor& x) {
  const bool last = stack.final_norm == Module::kFinalNorm;
  const at::Tensor y = !last || spec_.final_norm ? norm(stack.final_norm, x) : x;
  return last && spec_.has(Module::kProjectOut) ? linear(Module::kProjectOut, y) : y;
}

at::Tensor AutogradOps::gate(model::Activation activation, at::Tensor gate, const at::Tensor& up) {
  return up.defined() && has_fused_gate(activation) ? fused_gate(activation, gate, up) : gated(activation, gate, up);
}

namespace {

// Whether packed_attention() computes this layer for sequences of up to `longest` rows.
bool is_packed(const model::ModelSpec& spec, const model::LayerSpec& layer, std::int64_t longest) {
  const model::StackSpec& stack = spec.stacks[static_cast<std::size_t>(layer.stack)];
  return spec.attention_softcap == 0 && spec.position != model::PositionKind::kAlibi && !spec.counts_distances() &&
         spec.head_dim == spec.value_dim && spec.heads % spec.kv_heads == 0 &&
         (layer.window == 0 || (stack.causal && longest <= layer.window)) &&
         (layer.chunk == 0 || (stack.causal && longest <= layer.chunk)) && !layer.sinks &&
         !model::is_recurrent(layer.mixer);
}

}  // namespace

bool shares_beginnings(const model::ModelSpec& spec, std::int64_t longest) {
  const auto by_length = [](const model::RopeSpec& r) { return r.type == "dynamic" || r.type == "longrope"; };
  return spec.stacks.size() == 1 && spec.stacks[0].causal && !spec.has(Module::kPositions) &&
         std::ranges::none_of(spec.ropes, by_length) &&
         std::ranges::all_of(spec.layers, [&](const auto& layer) { return is_packed(spec, layer, longest); });
}

const Angles& AutogradOps::angles(int rope, std::int64_t length) {
  Angles& found = angles_[{rope, length}];
  if (!found.cos.defined()) {
    const Angles own = rope_angles(spec_.ropes[static_cast<std::size_t>(rope)], 0, length, length);
    found = {own.cos.to(weights_.dtype()).contiguous(), own.sin.to(weights_.dtype()).contiguous()};
  }
  return found;
}

at::Tensor AutogradOps::packed(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v) {
  PackedAttention p{.lengths = batch_.lengths,
                    .shared = batch_.shared,
                    .heads = spec_.heads,
                    .kv_heads = spec_.kv_heads,
                    .head_dim = spec_.head_dim,
                    .value_dim = spec_.value_dim,
                    .scale = spec_.attention_scale,
                    .causal = spec_.stacks[static_cast<std::size_t>(layer.stack)].causal};
  if (const model::RopeSpec* rope = spec_.rope_of(layer)) {
    p.turn = {.dim = spec_.head_dim, .turned = rope->dim, .offset = rope->offset, .interleaved = rope->interleaved};
    for (const std::int64_t length : batch_.lengths) p.angles.push_back(angles(layer.rope, batch_.shared + length));
  }
  return packed_attention(std::move(p), q, k, v);
}

at::Tensor AutogradOps::bias_on_scores(const model::LayerSpec& layer, std::int64_t first, std::int64_t n,
                                       std::int64_t m) {
  const at::Tensor bias = score_bias(spec_, layer, first, n, m, weights_.dtype());
  if (!spec_.counts_distances()) return bias;
  const model::StackSpec& stack = spec_.stacks[static_cast<std::size_t>(layer.stack)];
  const at::Tensor buckets = relative_buckets(spec_.relative, stack.causal, first, n, m);
  const Site own{Module::kRelativeBias, spec_.has(Site{Module::kRelativeBias, layer_}) ? layer_ : stack.first};
  const ModuleOps* ops = operator_at(operators_, own);
  const at::Tensor table = ops && ops->weight.defined() ? ops->weight : weights_(own);  // [buckets, heads]
  const at::Tensor position = table.index_select(0, buckets.flatten()).view({n, m, -1}).permute({2, 0, 1});
  return bias.defined() ? bias + position : position;
}

at::Tensor AutogradOps::attention(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                  const at::Tensor& v) {
  const std::int64_t longest = batch_.shared + *std::ranges::max_element(batch_.lengths);
  if (!batch_.cache && is_packed(spec_, layer, longest)) return packed(layer, q, k, v);
  if (batch_.shared > 0) throw Error(ErrorCode::kInternal, "sequences of this model share no rows");
  const bool step = std::ranges::all_of(batch_.lengths, [](std::int64_t n) { return n == 1; });
  return step && batch_.cache && batch_.cache->grows() ? decoded(layer, q, k, v) : one_by_one(layer, q, k, v);
}

at::Tensor AutogradOps::one_by_one(const model::LayerSpec& layer, const at::Tensor& q, const at::Tensor& k,
                                   const at::Tensor& v) {
  const model::RopeSpec* rope = spec_.rope_of(layer);
  std::vector<at::Tensor> out;
  std::int64_t row = 0;
  for (std::size_t s = 0; s < batch_.lengths.size(); ++s) {
    const std::int64_t n = batch_.lengths[s], seen = batch_.cache ? batch_.cache->seen()[s] : 0, all = seen + n;
    at::Tensor qs = by_head(q.narrow(0, row, n), spec_.head_dim), ks = by_head(k.narrow(0, row, n), spec_.head_dim);
    if (rope != nullptr) {
      qs = rotate(*rope, qs, seen, all);
      ks = rotate(*rope, ks, seen, all);
    }
    ks = ks.transpose(0, 1);  // [kv_heads, n, head_dim]
    at::Tensor vs = by_head(v.narrow(0, row, n), spec_.value_dim).transpose(0, 1);
    if (batch_.cache) {
      const Cache::Layer& known = batch_.cache->at(layer_);
      const auto joined = [&](const at::Tensor& cached, const at::Tensor& own) {
        const at::Tensor rows = cached[static_cast<std::int64_t>(s)];
        if (!batch_.cache->grows()) return at::cat({rows.narrow(1, 0, seen), own}, 1);
        rows.narrow(1, seen, n).copy_(own);
        return rows.narrow(1, 0, all);
      };
      ks = joined(known.k, ks), vs = joined(known.v, vs);
    }
    out.push_back(attend(spec_, qs.transpose(0, 1), ks, vs, bias_on_scores(layer, seen, n, all), sinks(layer)));
    row += n;
  }
  return at::cat(out);
}

at::Tensor AutogradOps::parameter(Module module, Param param) {
  const Site own = site(module);
  const ModuleOps* ops = operator_at(operators_, own);
  const at::Tensor& replaced = ops == nullptr ? at::Tensor() : param == Param::kBias ? ops->bias : ops->weight;
  return (replaced.defined() ? replaced : weights_(own, param)).unsqueeze(0);
}

at::Tensor AutogradOps::sinks(const model::LayerSpec& layer) {
  return layer.sinks ? parameter(Module::kSinks, Param::kWeight).view({-1, 1, 1}) : at::Tensor();
}

at::Tensor AutogradOps::sequences(const at::Tensor& x, const model::SequenceStep& step) {
  if (batch_.shared > 0) throw Error(ErrorCode::kInternal, "sequences of this model share no rows");
  std::vector<at::Tensor> out;
  std::int64_t row = 0;
  for (std::size_t s = 0; s < batch_.lengths.size(); row += batch_.lengths[s], ++s) {
    model::RecurrentState none;
    model::RecurrentState& state = batch_.cache ? batch_.cache->at(layer_).states[s] : none;
    out.push_back(step(0, x.narrow(0, row, batch_.lengths[s]), state));
  }
  return at::cat(out);
}

at::Tensor AutogradOps::positions() {
  std::vector<at::Tensor> out;
  if (batch_.shared > 0) out.push_back(at::arange(batch_.shared, at::kLong));
  for (std::size_t s = 0; s < batch_.lengths.size(); ++s) {
    const std::int64_t first = batch_.shared + (batch_.cache ? batch_.cache->seen()[s] : 0);
    out.push_back(at::arange(first, first + batch_.lengths[s], at::kLong));
  }
  return at::cat(out);
}

at::Tensor AutogradOps::memory() {
  const bool known = batch_.cache && !batch_.cache->at(layer_).cross_k.empty();
  return known ? at::Tensor() : batch_.memory;
}

at::Tensor AutogradOps::cross_attention(const model::LayerSpec&, const at::Tensor& q, const at::Tensor& k,
                                        const at::Tensor& v) {
  Cache::Layer own;
  Cache::Layer& known = batch_.cache ? batch_.cache->at(layer_) : own;
  std::int64_t row = 0;
  for (std::size_t s = 0; k.defined() && s < batch_.lengths.size(); row += batch_.memory_lengths[s], ++s) {
    const auto heads = [&](const at::Tensor& x, std::int64_t dim) {
      return by_head(x.narrow(0, row, batch_.memory_lengths[s]), dim).transpose(0, 1);
    };
    known.cross_k.push_back(heads(k, spec_.head_dim));
    known.cross_v.push_back(heads(v, spec_.value_dim));
  }
  std::vector<at::Tensor> out;
  row = 0;
  for (std::size_t s = 0; s < batch_.lengths.size(); row += batch_.lengths[s], ++s) {
    const at::Tensor qs = by_head(q.narrow(0, row, batch_.lengths[s]), spec_.head_dim).transpose(0, 1);
    out.push_back(attend(spec_, qs, known.cross_k[s], known.cross_v[s], {}));
  }
  return at::cat(out);
}

at::Tensor AutogradOps::experts(const at::Tensor& x, const model::Routing& routing, const model::ExpertMlp& mlp) {
  at::Tensor y = at::zeros_like(x);
  for (const model::ExpertRows& e : model::by_expert(routing)) {
    expert_ = e.expert;
    y = y.index_add(0, e.rows, e.given(mlp(*this, e.read(x))));
  }
  expert_ = -1;
  return y;
}

at::Tensor embed_tokens(Weights& weights, const Operators& operators, const std::vector<std::int64_t>& ids,
                        const Batch* batch) {
  const Batch none;
  AutogradOps ops(weights, operators, batch ? *batch : none);
  const OuterSteps steps{
      [&](Module table, std::span<const std::int64_t> rows) { return looked_up(weights, operators, table, rows); },
      [&](Module module, const at::Tensor& x) { return ops.linear(module, x); },
      [&](Module module, const at::Tensor& x) { return ops.norm(module, x); }};
  Texts texts{.ids = ids, .rows = {}, .behind = {}};
  if (batch != nullptr) {
    texts.rows = batch->lengths;
    texts.virtual_rows = batch->virtual_rows;
    if (batch->cache != nullptr) texts.behind = batch->cache->seen();
  } else if (weights.spec().has(Module::kPositions)) {
    throw Error(ErrorCode::kInternal, "learned positions need to know the sequences");
  }
  return first_rows(weights.spec(), steps, texts);
}

at::Tensor run_stack(Weights& weights, const Operators& operators, const Batch& batch, int stack, at::Tensor hidden,
                     std::vector<at::Tensor>* states) {
  const model::ModelSpec& spec = weights.spec();
  const model::StackSpec& s = spec.stacks[static_cast<std::size_t>(stack)];
  AutogradOps ops(weights, operators, batch);
  for (int layer = s.first; layer < s.first + s.layers; ++layer) {
    if (states) states->push_back(hidden);
    if (batch.training.recompute && at::GradMode::is_enabled()) {
      hidden = recomputed_block(weights, operators, batch, layer, hidden);
      continue;
    }
    ops.enter(layer);
    hidden = model::run_block(spec, layer, ops, hidden);
  }
  hidden = ops.ended(s, hidden);
  if (states) states->push_back(hidden);
  return hidden;
}

at::Tensor logits(Weights& weights, const Operators& operators, const at::Tensor& hidden) {
  const model::ModelSpec& spec = weights.spec();
  const Site site{spec.tied_head ? Module::kEmbed : Module::kHead};
  // A tied head shares the table, not what is done to the embedding.
  const ModuleOps* own = operator_at(operators, {Module::kHead});
  const at::Tensor x = spec.logit_scale == 1 ? hidden : hidden * spec.logit_scale;
  at::Tensor y = apply_linear(weights, own, site, x);
  if (own && own->rows.defined()) y = y.index_copy(1, own->rows.ids, at::linear(x, own->rows.rows));
  return spec.final_softcap > 0 ? at::tanh(y / spec.final_softcap) * spec.final_softcap : y;
}

at::Tensor token_losses(Weights& weights, const Operators& operators, const at::Tensor& hidden,
                        const at::Tensor& targets) {
  if (!operators.contains({Module::kHead}))
    return head_losses(weights, {weights.spec().tied_head ? Module::kEmbed : Module::kHead}, hidden, targets);
  constexpr std::int64_t kRowsAtOnce = 256;
  std::vector<at::Tensor> out;
  for (std::int64_t first = 0; first < hidden.size(0); first += kRowsAtOnce) {
    const std::int64_t rows = std::min(kRowsAtOnce, hidden.size(0) - first);
    out.push_back(recomputed_losses(weights, operators, hidden.narrow(0, first, rows), targets.narrow(0, first, rows)));
  }
  return at::cat(out);
}

}  // namespace deltascape::engine
