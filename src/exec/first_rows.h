// What comes before the first block, written once: token embeddings, scaled, with virtual tokens, learned positions,
// token types, a norm and a projection, as the family has them.
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <span>

#include "model/spec.h"

namespace deltascape::engine {

// How an execution reads tables and runs the modules outside the blocks, with what a variant does to them.
struct OuterSteps {
  std::function<at::Tensor(model::Module table, std::span<const std::int64_t> ids)> rows;  // [ids, width]
  std::function<at::Tensor(model::Module, const at::Tensor&x)> linear, norm;
};

// Texts whose rows stand one after the other.
struct Texts {
  std::span<const std::int64_t> ids;     // tokens of all
  std::span<const std::int64_t> rows;    // of each text, virtual tokens among them
  std::span<const std::int64_t> behind;  // rows that each has behind it; empty: none
  at::Tensor virtual_rows{};             // before each text's tokens, [rows, hidden]; undefined: none
};

// [rows, hidden]. Throws Error for a text that is longer than the learned positions.
at::Tensor first_rows(const model::ModelSpec& spec, const OuterSteps& steps, const Texts& texts);

}  // namespace deltascape::engine
