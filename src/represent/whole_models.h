// A base and its variants held in memory and asked one after the other, for representations that need likelihoods or
// answers of them.
#pragma once

#include <functional>
#include <optional>

#include "lm/batches.h"
#include "represent/reading.h"

namespace deltascape::represent {

class WholeModels {
 public:
  using Ask = std::function<void(engine::Weights& weights, const engine::VariantOperators& variant)>;

  // `base` outlives it. Throws Error(kUnsupported) for an encoder alone, and on another device than the processor.
  // `precision`: EmbedOptions'; where it is neither fp32 nor fp64, fp32.
  WholeModels(const Base& base, const std::string& precision);

  void ask_base(const Ask& ask);
  // Loads what `member` brings. Throws Error as opening and asking it do.
  void ask_member(const Member& member, const Ask& ask);
  const char* precision() const { return type_ == at::kDouble ? "fp64" : "fp32"; }
  std::size_t pass_bytes() const { return shares_.passes; }
  const model::ModelSpec& spec() const { return base_.model->spec(); }

 private:
  const Base& base_;
  at::ScalarType type_;
  engine::Shares shares_;
  engine::Weights weights_;  // of the base
};

// Calls `ask` for each member and keeps what it throws, but a cancellation.
std::vector<std::optional<Error>> ask_each(std::span<const Member> members,
                                           const std::function<void(std::size_t member)>& ask);

}  // namespace deltascape::represent
