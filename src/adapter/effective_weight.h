// The weight that operators (operators.h) amount to, a few rows at a time, for those who read weights instead of
// running them.
#pragma once

#include "adapter/operators.h"

namespace deltascape::adapter {

// Rows [first, first + n) of the W' with W' x = y − bias for every x. `weight`: the same rows of what the operators
// stand on, `ops.weight` or the base's, [n, in] -> [n, in].
at::Tensor effective_rows(const ModuleOps& ops, const at::Tensor& weight, std::int64_t first);
// Whether W' − W is a sum of low-rank terms and nothing else.
bool only_low_rank(const ModuleOps& ops);

}  // namespace deltascape::adapter
