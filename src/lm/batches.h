// How many sequences run together, and how memory is shared between weights and passes, for jobs that keep a model's
// weights and ask it again and again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lm/adapter_operators.h"

namespace deltascape::engine {

// How a budget is shared: weights first, but passes keep a quarter.
struct Shares {
  std::size_t weights, passes;
  bool two;  // whether two models' weights have room beside each other
  // memory: what the user allows; 0: half of what is free, and then passes get no more than 2 GiB: what goes through
  // the model together is seen in the last bits, and must not go by what else runs.
  Shares(std::size_t memory, const model::Checkpoint& base, at::ScalarType dtype);
};

// What a pass of so many rows takes, of which the longest sequence has `longest`: a block's streams, and its scores.
std::size_t pass_bytes(const model::ModelSpec& spec, std::int64_t rows, std::int64_t longest, at::ScalarType dtype);

// Rows that the variant puts before each sequence's own.
std::int64_t rows_before(const VariantOperators& variant);

// Sequences that go through the model together, `most` at most: length(i) of one, fits(rows, longest, count) says what
// may, run(first, count) runs them.
template <class Length, class Fits, class Run>
void in_batches(std::size_t count, std::int64_t most, Length&& length, Fits&& fits, Run&& run) {
  for (std::size_t first = 0; first < count;) {
    std::size_t end = first;
    std::int64_t rows = 0, longest = 0;
    while (end < count && static_cast<std::int64_t>(end - first) < most) {
      const std::int64_t n = length(end), more = std::max(longest, n);
      if (end > first && !fits(rows + n, more, static_cast<std::int64_t>(end - first) + 1)) break;
      rows += n, longest = more, ++end;
    }
    run(first, end - first);
    first = end;
  }
}

}  // namespace deltascape::engine
