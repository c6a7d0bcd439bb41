#include "represent/activations.h"

#include "represent/hidden_states.h"

namespace deltascape::represent {
namespace {

// One spelling for each tap, so that rows made with "30" and "last" of a 30-layer model compare.
std::string layer_name(const std::string& option, const engine::Taps& taps) {
  if (option == "all") return "all";
  const engine::Tap& tap = taps.taps.front();
  if (tap.ended) return "last";
  return std::to_string(tap.block - taps.first) + (option.ends_with("-pre") ? "-pre" : "");
}

class Activations : public VectorReading {
 public:
  explicit Activations(const Base& base) : base_(base), states_(base, base.options.layer, base.options.position) {}

  store::Space space() const override {
    const EmbedOptions& options = base_.options;
    return base_.space("activations",
                       {{"layer", layer_name(options.layer, states_.taps())}, {"position", options.position}});
  }
  std::string precision_reason() const override { return states_.precision_reason(); }
  std::vector<Measured> measure(std::span<const Member> members, Progress& progress) override {
    return states_.run(members, progress);
  }

 private:
  const Base& base_;
  HiddenStates states_;
};

}  // namespace

std::unique_ptr<VectorReading> activations(const Base& base, const Parameters&) {
  return std::make_unique<Activations>(base);
}

}  // namespace deltascape::represent
