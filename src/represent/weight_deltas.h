// What variants change in their base's weights, tensor by tensor: ΔW as factors where an adapter has nothing else, and
// a few rows at a time otherwise (docs/design.md §5.6).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "represent/reading.h"

namespace deltascape::represent {

// A weight or bias as a matrix; what has one dimension is a row.
struct CountedTensor {
  model::Site site;
  model::Param param = model::Param::kWeight;
  std::int64_t rows = 0, columns = 0;
  bool in_base = true;  // a bias that only variants have, and the head of a base that has none of its own, are zeros
  std::int64_t entries() const { return rows * columns; }
};

// Layer by layer, and within a layer in the order that its parts run: the linears of the blocks (each expert's, routers
// too), or with `all` every weight and bias, what lies outside the blocks first.
std::vector<CountedTensor> counted_tensors(const model::Checkpoint& base, bool all);

// ΔW of one tensor, [rows, columns].
struct WeightDelta {
  at::Tensor left, right;  // ΔW = left · rightᵀ: [rows, r] and [columns, r] in float64; or both undefined
  std::function<at::Tensor(std::int64_t first, std::int64_t count)> form;  // else these rows of it, in float64
  std::int64_t kept = 0;                                                   // bytes that `form` keeps in memory

  bool none() const { return !left.defined() && !form; }
  std::int64_t bytes() const { return left.defined() ? 8 * (left.numel() + right.numel()) : kept; }
  at::Tensor rows(std::int64_t first, std::int64_t count) const;  // [count, columns], float64
};

class StoredRows;

// For one thread. `base` and what the members point to outlive it.
class WeightDeltas {
 public:
  WeightDeltas(const model::Checkpoint& base, std::span<const Member> members);
  ~WeightDeltas();
  // Leaves nothing of the files in memory but what the result keeps. Throws Error for a member that has no place here:
  // virtual tokens, a model of another shape, NaN or Inf.
  WeightDelta of(std::size_t member, const CountedTensor& tensor);

 private:
  WeightDelta of_adapter(const adapter::Adapter& adapter, const CountedTensor& tensor);
  WeightDelta of_full(const model::Checkpoint& full, const CountedTensor& tensor);
  std::shared_ptr<const StoredRows> base_rows(const CountedTensor& tensor);

  const model::Checkpoint& base_;
  std::span<const Member> members_;
  std::vector<std::optional<Error>> refused_;
  std::shared_ptr<const StoredRows> rows_;  // of the base's tensor that was asked for last
  std::optional<std::pair<model::Site, model::Param>> place_;
};

}  // namespace deltascape::represent
