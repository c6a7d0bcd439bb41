// Hidden states of a base and its variants at taps, in the precision and on the device that the options ask for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pass/device_layers.h"
#include "represent/reading.h"

namespace deltascape::represent {

class HiddenStates {
 public:
  // Layer and position as engine::parse_taps takes them. `base` outlives this.
  HiddenStates(const Base& base, const std::string& layer, const std::string& position);

  // For each member variant minus base, and the base's own, [taps, probes, hidden]; numeric_error as in RunResult.
  std::vector<Measured> run(std::span<const Member> members, Progress& progress);
  const engine::Taps& taps() const { return taps_; }
  std::string precision_reason() const;  // as Reading's

 private:
  engine::RunOptions how(Progress& progress) const;

  const Base& base_;
  engine::Taps taps_;
  engine::Layout layout_;
  std::optional<engine::DeviceLayers> layers_;  // of the base, on another device than the processor
  std::optional<engine::RunOptions> how_;       // once something has run
};

}  // namespace deltascape::represent
