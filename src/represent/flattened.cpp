#include "represent/flattened.h"

#include <algorithm>

#include "represent/weight_products.h"

namespace deltascape::represent {
namespace {

class FlattenedDelta : public WeightReading {
 public:
  using WeightReading::WeightReading;

  Products measure(std::span<const Member> members, std::size_t fresh, Progress& progress) override {
    WeightDeltas deltas(*base_.model, members);
    return sum_products(
        tensors(), [&](std::size_t member, const CountedTensor& tensor) { return deltas.of(member, tensor); },
        members.size(), fresh, Pairing::kEntries, weights_memory(base_), progress);
  }
};

// Where an adapter has pairs, and of which shapes.
struct Layout {
  std::vector<CountedTensor> tensors;  // A, then B, of a module: one row
  std::string text;                    // equal where two adapters' factors lie on each other
  std::string summary;                 // for people
};

Layout layout_of(const adapter::Adapter& adapter, const model::ModelSpec& spec, bool all) {
  Layout out;
  std::int64_t ranks = 0;
  for (const model::Site site : adapter.lora_sites()) {
    if (!all && !model::in_block(site.module)) continue;
    const adapter::LowRank pair = adapter.lora(site);
    out.tensors.push_back({site, model::Param::kWeight, 1, pair.a.numel() + pair.b.numel()});
    out.text += spec.hf_name(site) + " " + std::to_string(pair.a.size(0)) + "\n";
    ranks += pair.a.size(0);
    adapter.release(site.layer);
  }
  out.summary = std::to_string(out.tensors.size()) + " modules with " + std::to_string(ranks) + " ranks in all";
  return out;
}

// A and B as they are in the files: alpha / r is no part of them.
class FlattenedFactors : public WeightReading {
 public:
  using WeightReading::WeightReading;

  Products measure(std::span<const Member> members, std::size_t fresh, Progress& progress) override {
    std::vector<std::optional<Error>> errors(members.size());
    const Layout layout = common_layout(members, fresh, errors, progress);
    const auto part = [&](std::size_t member, const CountedTensor& tensor) {
      if (errors[member]) throw Error(*errors[member]);
      return laid_out(*members[member].variant->adapter, tensor.site);
    };
    Products out =
        sum_products(layout.tensors, part, members.size(), fresh, Pairing::kEntries, weights_memory(base_), progress);
    for (std::size_t i = 0; i < members.size(); ++i)
      if (errors[i]) out.errors[i] = errors[i];  // also where no tensor was asked for
    return out;
  }

 private:
  // The stored variants say what the others have to be; where there are none, the first that can be read.
  Layout common_layout(std::span<const Member> members, std::size_t fresh, std::vector<std::optional<Error>>& errors,
                       Progress& progress) const {
    std::optional<Layout> first;
    progress.begin("reading adapters", static_cast<std::int64_t>(members.size()));
    for (std::size_t k = 0; k < members.size(); ++k) {
      const std::size_t i = (fresh + k) % members.size();
      try {
        Layout own = require_factors(members[i]);
        if (!first) first = std::move(own);
        else if (own.text != first->text)
          throw Error(ErrorCode::kMismatch, "modules or ranks are not those of the others: choose form=delta",
                      {.path = members[i].path.string(), .expected = first->summary, .found = own.summary});
      } catch (const Error& e) {
        errors[i] = e;
      }
      advance(progress, 1);
    }
    return first.value_or(Layout());
  }

  Layout require_factors(const Member& member) const {
    const engine::Variant& v = *member.variant;
    const std::string what = "form=factors reads LoRA pairs and nothing else: choose form=delta";
    if (!v.adapter) throw Error(ErrorCode::kUnsupported, what, {.path = member.path.string(), .found = "a full model"});
    try {
      return layout_of(*v.adapter, base_.model->spec(), counts_all(parameters_));
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kUnsupported) throw;
      throw Error(e.code(), what, {.path = member.path.string(), .field = e.context().field});
    }
  }

  static WeightDelta laid_out(const adapter::Adapter& adapter, model::Site site) {
    const adapter::LowRank pair = adapter.lora(site);
    adapter.release(site.layer);
    const at::Tensor values = at::cat({pair.a.flatten(), pair.b.flatten()}).to(at::kDouble).unsqueeze(0);
    WeightDelta out;
    out.form = [values](std::int64_t first, std::int64_t count) { return values.narrow(0, first, count); };
    out.kept = 8 * values.numel();
    return out;
  }
};

}  // namespace

std::string flattened_form(const std::string& value) { return one_of("form", value, {"delta", "factors"}); }

std::unique_ptr<ProductReading> flattened(const Base& base, const Parameters& parameters) {
  if (parameters.at("form") == "factors") return std::make_unique<FlattenedFactors>(base, "flattened", parameters);
  return std::make_unique<FlattenedDelta>(base, "flattened", parameters);
}

}  // namespace deltascape::represent
