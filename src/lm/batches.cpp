#include "lm/batches.h"

#include "core/machine.h"

namespace deltascape::engine {
namespace {

constexpr std::size_t kMostOfPasses = std::size_t{2} << 30;

}  // namespace

Shares::Shares(std::size_t memory, const model::Checkpoint& base, at::ScalarType dtype) {
  const std::size_t all = memory > 0 ? memory : available_memory() / 2;
  const std::size_t needed = base.parameters() * c10::elementSize(dtype);
  weights = std::max<std::size_t>(1, std::min(needed, all / 4 * 3));
  two = needed <= all / 8 * 3;
  const std::size_t held = two ? 2 * weights : weights;
  passes = all > held ? all - held : 0;
  if (memory == 0) passes = std::min(passes, kMostOfPasses);
}

std::size_t pass_bytes(const model::ModelSpec& spec, std::int64_t rows, std::int64_t longest, at::ScalarType dtype) {
  const std::int64_t wide = std::max(spec.intermediate, spec.routing.intermediate + spec.routing.shared_intermediate);
  const std::int64_t row = 6 * spec.hidden + 3 * wide + (2 * spec.heads + 4 * spec.kv_heads) * spec.head_dim;
  return c10::elementSize(dtype) * static_cast<std::size_t>(rows * row + 3 * spec.heads * longest * longest);
}

std::int64_t rows_before(const VariantOperators& variant) {
  return (variant.prefix.defined() ? variant.prefix.size(2) : 0) +
         (variant.virtual_rows.defined() ? variant.virtual_rows.size(0) : 0);
}

}  // namespace deltascape::engine
