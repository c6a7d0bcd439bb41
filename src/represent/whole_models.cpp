#include "represent/whole_models.h"

#include "exec/translated.h"

namespace deltascape::represent {

using engine::VariantOperators;
using engine::Weights;

namespace {

void require_supported(const Base& base) {
  const model::ModelSpec& spec = base.model->spec();
  if (!spec.stacks.back().causal)
    throw Error(ErrorCode::kUnsupported, "an encoder generates no text and has no likelihoods of it",
                {.path = base.model->path().string(), .found = std::string(spec.architecture->model_type)});
  if (!base.device.is_cpu())
    throw Error(ErrorCode::kUnsupported,
                option("representation") + " " + base.options.representation + " runs on the processor alone",
                {.field = option("device"), .expected = "cpu", .found = base.options.device});
}

}  // namespace

WholeModels::WholeModels(const Base& base, const std::string& precision)
    : base_(base),
      type_(precision == "fp64" ? at::kDouble : at::kFloat),
      shares_(base.options.memory, *base.model, type_),
      weights_(base.model, type_) {
  require_supported(base);
  if (precision == "delta") base.progress.note("deltas are propagated to hidden states alone: running in fp32");
  weights_.limit(shares_.weights);
}

void WholeModels::ask_base(const Ask& ask) { ask(weights_, {}); }

void WholeModels::ask_member(const Member& member, const Ask& ask) {
  if (const auto& adapter = member.variant->adapter) {
    ask(weights_, engine::operators_of(*adapter, spec(), type_));
    return;
  }
  const auto& full = member.variant->full;
  if (full == nullptr) return ask_base(ask);
  if (const auto error = model::misfit(*full, *base_.model)) throw *error;
  if (!shares_.two) weights_.forget();
  Weights own(full, type_);
  own.limit(shares_.weights);
  ask(own, {});
}

std::vector<std::optional<Error>> ask_each(std::span<const Member> members,
                                           const std::function<void(std::size_t)>& ask) {
  std::vector<std::optional<Error>> out(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    try {
      engine::translated([&] { ask(i); });
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kCancelled) throw;
      out[i] = e;
    }
  }
  return out;
}

}  // namespace deltascape::represent
