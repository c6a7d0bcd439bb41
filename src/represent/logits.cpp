#include "represent/logits.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "exec/translated.h"
#include "represent/head.h"
#include "represent/hidden_states.h"

namespace deltascape::represent {
namespace {

constexpr std::size_t kMostTogether = std::size_t{512} << 20;  // bytes of the logits of variants measured together

class Logits : public VectorReading {
 public:
  explicit Logits(const Base& base)
      : base_(base),
        states_(base, "last", "last"),
        head_(*base.model, base.model->spec().vocabulary, base.memory()),
        type_(base.options.precision == "fp64" ? at::kDouble : at::kFloat) {}

  store::Space space() const override { return base_.space("logits", {}); }
  std::string precision_reason() const override { return states_.precision_reason(); }
  // By what the model and the options say, not by what memory is free: see Job::run().
  std::size_t together() const override {
    const std::size_t one = base_.ids.size() * static_cast<std::size_t>(head_.rows()) * sizeof(double);
    const std::size_t most = base_.options.memory ? std::min(kMostTogether, base_.options.memory / 4) : kMostTogether;
    return std::clamp<std::size_t>(most / one, 1, VectorReading::together());
  }
  std::vector<Measured> measure(std::span<const Member> members, Progress& progress) override;

 private:
  adapter::ModuleOps head_of(const Member& member) const;
  // The member's logits minus the base's, [probes, vocabulary], with a head of its own or operators on the base's.
  at::Tensor own_shift(const Member& member, const adapter::ModuleOps& ops, const at::Tensor& hidden) const;

  const Base& base_;
  HiddenStates states_;
  Head head_;
  at::ScalarType type_;
  at::Tensor scores_;  // the base's before the soft cap, [probes, vocabulary], once something has run
};

adapter::ModuleOps Logits::head_of(const Member& member) const {
  const auto& adapter = member.variant->adapter;
  if (adapter == nullptr) return {};
  adapter::ModuleOps out = adapter->ops({model::Module::kHead}, type_);
  adapter->release();
  return out;
}

at::Tensor Logits::own_shift(const Member& member, const adapter::ModuleOps& ops, const at::Tensor& hidden) const {
  const at::Tensor base = head_.capped(scores_);
  if (member.variant->full == nullptr) return head_.capped(head_.scores(head_.read(hidden), ops)).sub_(base);
  const Head own(*member.variant->full, head_.rows(), base_.memory());
  return own.capped(own.scores(own.read(hidden))).sub_(base);
}

std::vector<Measured> Logits::measure(std::span<const Member> members, Progress& progress) {
  const at::NoGradGuard no_grad;
  std::vector<Measured> out = states_.run(members, progress);
  if (out.empty()) return out;
  const at::Tensor hidden = out.front().base[0].to(at::kDouble);  // [probes, width]
  if (!scores_.defined()) scores_ = head_.scores(head_.read(hidden));
  const at::Tensor base = head_.capped(scores_);
  progress.begin("logits", static_cast<std::int64_t>(members.size()));

  // One product for all that read the base's head: of what they change in its input alone, so that small changes keep
  // their digits.
  std::vector<std::size_t> shared;
  std::vector<at::Tensor> changes;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (out[i].error) continue;
    const at::Tensor change = out[i].samples[0].to(at::kDouble);
    try {
      engine::translated([&] {
        const adapter::ModuleOps ops = head_of(members[i]);
        if (members[i].variant->full == nullptr && ops.empty()) {
          shared.push_back(i);
          changes.push_back(head_.read(change));
          return;
        }
        out[i].samples = own_shift(members[i], ops, hidden + change).unsqueeze(0);
        advance(progress, 1);
      });
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kCancelled) throw;
      out[i].error = e;
    }
  }
  if (!shared.empty()) {
    const auto shifts = head_.product(at::cat(changes)).split(scores_.size(0));
    for (std::size_t k = 0; k < shared.size(); ++k) {
      out[shared[k]].samples = head_.capped(scores_ + shifts[k]).sub_(base).unsqueeze(0);
      advance(progress, 1);
    }
  }
  for (Measured& m : out) {
    m.base = base.unsqueeze(0);
    m.half = true;
  }
  return out;
}

}  // namespace

std::unique_ptr<VectorReading> logits(const Base& base, const Parameters&) { return std::make_unique<Logits>(base); }

}  // namespace deltascape::represent
