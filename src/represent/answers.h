// What a model says after prompts, as text.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "lm/adapter_operators.h"
#include "represent/reading.h"
#include "text/detokenizer.h"

namespace deltascape::represent {

class Answers {
 public:
  // Of at most so many tokens, in the base's tokens. Throws Error(kUsage) where a prompt leaves no room for them.
  Answers(const Base& base, std::int64_t tokens);
  // Without special tokens, and without what a sequence would say after its end token. `bytes` bounds what runs
  // together. random: as GenerateOptions has it. Calls `advance` with the prompts done.
  std::vector<std::string> to(const std::vector<std::vector<std::int64_t>>& prompts, engine::Weights& weights,
                              const engine::VariantOperators& variant, std::size_t bytes,
                              std::span<const Random> random, const std::function<void(std::int64_t)>& advance) const;

 private:
  text::Detokenizer detokenizer_;
  std::optional<std::int64_t> end_;
  std::int64_t tokens_;
};

}  // namespace deltascape::represent
