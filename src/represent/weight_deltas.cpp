#include "represent/weight_deltas.h"

#include <algorithm>

#include "adapter/effective_weight.h"

namespace deltascape::represent {

using model::Checkpoint;
using model::ModelSpec;
using model::Module;
using model::Param;
using model::Site;

// Rows of a tensor in float64. What the file holds in a type of its own stays in the file; the rest is decoded once.
class StoredRows {
 public:
  StoredRows(const Checkpoint& model, Site site, Param param) : model_(model), site_(site), param_(param) {
    for (const at::ScalarType type : {at::kBFloat16, at::kFloat, at::kDouble})
      if (model.can_view(site, param, type)) values_ = model.view(site, param, type);
    viewed_ = values_.defined();
    if (!viewed_) values_ = model.load(site, param, at::kFloat);
    if (values_.dim() == 1) values_ = values_.unsqueeze(0);
    model.release(site, param);
  }
  std::int64_t rows() const { return values_.size(0); }
  std::int64_t bytes() const { return viewed_ ? 0 : 4 * values_.numel(); }
  // Beyond the last row: zeros.
  at::Tensor read(std::int64_t first, std::int64_t count) const {
    const std::int64_t there = std::clamp<std::int64_t>(rows() - first, 0, count);
    at::Tensor out = at::zeros({count, values_.size(1)}, at::kDouble);
    if (there > 0) out.narrow(0, 0, there).copy_(values_.narrow(0, first, there));
    if (viewed_) model_.release(site_, param_);
    return out;
  }

 private:
  const Checkpoint& model_;
  Site site_;
  Param param_;
  at::Tensor values_;
  bool viewed_ = false;
};

namespace {

bool block_linear(const ModelSpec& spec, Module module) { return model::in_block(module) && spec.is_linear(module); }

bool of_vocabulary(Module module) { return module == Module::kEmbed || module == Module::kHead; }

CountedTensor counted(const ModelSpec& spec, Site site, Param param, bool in_base) {
  const std::vector<std::int64_t> shape = spec.shape(site.module);
  if (param == Param::kBias) return {site, param, 1, shape[0], in_base};
  if (shape.size() == 1) return {site, param, 1, shape[0], in_base};
  return {site, param, shape[0], shape[1], in_base};
}

// Where the values of a head are: those of a tied one with the token embedding.
Site stored_site(const ModelSpec& spec, Site site) {
  return site.module == Module::kHead && spec.tied_head ? Site{Module::kEmbed} : site;
}

// A table is looked up, not multiplied: e += s A[:, t]ᵀ Bᵀ adds s Aᵀ Bᵀ to its rows.
void turn_table(adapter::ModuleOps& ops) {
  for (adapter::LowRank& l : ops.low_rank) {
    const at::Tensor a = l.a;
    l.a = l.b.t();
    l.b = a.t();
  }
}

WeightDelta factors(const std::vector<adapter::LowRank>& terms, std::int64_t rows) {
  WeightDelta out;
  std::vector<at::Tensor> left, right;
  for (const adapter::LowRank& l : terms) {
    left.push_back(l.b.narrow(0, 0, std::min(rows, l.b.size(0))) * l.scale);
    right.push_back(l.a.t());
  }
  if (left.empty()) return out;
  out.left = at::cat(left, 1).contiguous();
  out.right = at::cat(right, 1).contiguous();
  return out;
}

Error other_shape(const Member& member, const ModelSpec& base, const ModelSpec& own, Site site) {
  return Error(ErrorCode::kMismatch, "its weights have other shapes than the base's",
               {.path = member.path.string(),
                .field = base.hf_name(site),
                .expected = io::shape_text(base.shape(site.module)),
                .found = own.has(site) ? io::shape_text(own.shape(site.module)) : "no such module"});
}

std::optional<Error> refusal(const Member& member, const Checkpoint& base) {
  const engine::Variant& v = *member.variant;
  if (v.adapter && v.adapter->virtual_tokens().any())
    return Error(ErrorCode::kUnsupported,
                 "prompt and prefix tuning change no weight: choose a representation that runs the model",
                 {.path = member.path.string(), .field = "peft_type"});
  if (!v.full) return {};
  if (auto error = model::misfit(*v.full, base)) return error;
  const ModelSpec &spec = base.spec(), &own = v.full->spec();
  for (const CountedTensor& t : counted_tensors(base, false)) {
    if (t.site.expert >= own.routing.experts || !own.has(t.site) ||
        own.shape(t.site.module) != spec.shape(t.site.module))
      return other_shape(member, spec, own, t.site);
  }
  return {};
}

}  // namespace

at::Tensor WeightDelta::rows(std::int64_t first, std::int64_t count) const {
  return form ? form(first, count) : at::mm(left.narrow(0, first, count), right.t());
}

std::vector<CountedTensor> counted_tensors(const Checkpoint& base, bool all) {
  const ModelSpec& spec = base.spec();
  std::vector<Site> sites = spec.sites();
  std::ranges::stable_sort(sites, {}, [](const Site& s) { return std::pair(s.layer, s.module); });
  if (all && spec.tied_head) sites.push_back({Module::kHead});
  std::vector<CountedTensor> out;
  for (const Site& site : sites) {
    const bool linear = block_linear(spec, site.module), own = !(site.module == Module::kHead && spec.tied_head);
    if ((!linear && !all) || (own && !base.holds(site))) continue;
    out.push_back(counted(spec, site, Param::kWeight, own));
    if (all && own && (linear || spec.has_bias(site.module)))
      out.push_back(counted(spec, site, Param::kBias, spec.has_bias(site.module)));
  }
  return out;
}

WeightDeltas::WeightDeltas(const Checkpoint& base, std::span<const Member> members) : base_(base), members_(members) {
  for (const Member& m : members) refused_.push_back(refusal(m, base));
}

WeightDeltas::~WeightDeltas() = default;

std::shared_ptr<const StoredRows> WeightDeltas::base_rows(const CountedTensor& t) {
  const std::pair place(stored_site(base_.spec(), t.site), t.param);
  if (!rows_ || place != place_) rows_ = std::make_shared<StoredRows>(base_, place.first, place.second);
  place_ = place;
  return rows_;
}

WeightDelta WeightDeltas::of(std::size_t member, const CountedTensor& tensor) {
  if (refused_[member]) throw Error(*refused_[member]);
  const engine::Variant& v = *members_[member].variant;
  if (v.full) return of_full(*v.full, tensor);
  return v.adapter ? of_adapter(*v.adapter, tensor) : WeightDelta();
}

WeightDelta WeightDeltas::of_adapter(const adapter::Adapter& adapter, const CountedTensor& t) {
  adapter::ModuleOps ops = adapter.ops(t.site, at::kDouble);
  adapter.release(t.site.layer);
  WeightDelta out;
  if (t.param == Param::kBias) {
    if (!ops.bias.defined()) return out;
    at::Tensor change = ops.bias.flatten().unsqueeze(0);
    if (t.in_base) change = change - base_rows(t)->read(0, 1);
    out.form = [change](std::int64_t first, std::int64_t count) { return change.narrow(0, first, count); };
    out.kept = 8 * change.numel();
    return out;
  }
  if (t.site.module == Module::kEmbed) turn_table(ops);
  if (adapter::only_low_rank(ops)) return factors(ops.low_rank, t.rows);
  ops.bias.reset();
  if (ops.weight.defined() && ops.weight.dim() == 1) ops.weight = ops.weight.unsqueeze(0);
  // Common rows alone count where a vocabulary has grown.
  const std::int64_t common = ops.weight.defined() ? std::min(t.rows, ops.weight.size(0)) : t.rows;
  if (ops.weight.defined()) out.kept += 8 * ops.weight.numel();
  for (const adapter::LowRank& l : ops.low_rank) out.kept += 8 * (l.a.numel() + l.b.numel());
  const auto base = base_rows(t);
  out.form = [ops, base, common](std::int64_t first, std::int64_t count) {
    const at::Tensor before = base->read(first, count);
    const std::int64_t there = std::clamp<std::int64_t>(common - first, 0, count);
    at::Tensor change = at::zeros_like(before);
    if (there == 0) return change;
    const at::Tensor stands = ops.weight.defined() ? ops.weight.narrow(0, first, there) : before.narrow(0, 0, there);
    change.narrow(0, 0, there).copy_(adapter::effective_rows(ops, stands, first)).sub_(before.narrow(0, 0, there));
    return change;
  };
  return out;
}

WeightDelta WeightDeltas::of_full(const Checkpoint& full, const CountedTensor& t) {
  WeightDelta out;
  const bool head = t.site.module == Module::kHead, tied = full.spec().tied_head;
  if (head && tied && base_.spec().tied_head) return out;  // the token embedding's change
  const Site site = stored_site(full.spec(), t.site);
  const bool there = full.holds(site) && (t.param == Param::kWeight || full.spec().has_bias(site.module));
  if (!there && (head || !t.in_base)) return out;
  if (!there)
    throw Error(ErrorCode::kMismatch, "a weight that the base has is missing",
                {.path = full.path().string(), .field = full.spec().hf_name(site)});
  const auto own = std::make_shared<const StoredRows>(full, site, t.param);
  const auto base = t.in_base || t.param == Param::kWeight ? base_rows(t) : nullptr;
  const std::int64_t common = std::min(t.rows, own->rows());
  if (own->read(0, 1).size(1) != t.columns || (common != t.rows && !of_vocabulary(t.site.module)))
    throw Error(ErrorCode::kMismatch, "its weights have other shapes than the base's",
                {.path = full.path().string(), .field = base_.spec().hf_name(t.site)});
  out.kept = own->bytes();
  out.form = [own, base, common](std::int64_t first, std::int64_t count) {
    at::Tensor change = own->read(first, count);
    const std::int64_t there = std::clamp<std::int64_t>(common - first, 0, count);
    if (base) change.sub_(base->read(first, count));
    change.narrow(0, there, count - there).zero_();
    return change;
  };
  return out;
}

}  // namespace deltascape::represent
