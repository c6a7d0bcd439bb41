// Rows of numbers, apart from the variants that they stand for: what the algorithms of this room read.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace deltascape::landscape {

// Row i is values[i] · scale[i] - shift, in float64. The values stay in float32, as the store keeps them: half the
// memory, and nothing is rounded a second time.
struct Rows {
  std::size_t count = 0;
  std::size_t width = 0;      // values from row to row, a multiple of kPanel; behind the dimension they are zero
  std::vector<float> values;  // [count, width]
  std::vector<double> scale;  // [count]: 1/length for unit rows, 0 for a row of zeros; else 1
  std::vector<double> shift;  // [width], the mean row; empty: nothing is taken off

  const float* row(std::size_t i) const { return values.data() + i * width; }
  bool is_zero(std::size_t i) const { return scale[i] == 0; }
};

inline constexpr std::size_t kPanel = 8;  // rows, or columns, that products() takes at a time

// `count` rows of `dim` zeros to be filled in.
Rows empty_rows(std::size_t count, std::size_t dim);
// Scales every row to length one.
void make_unit(Rows& rows);
// Takes the mean row off.
void centre(Rows& rows);
// The rows `keep` (ascending) alone. Where those are all it refers to the rows it was made of.
class Subset {
 public:
  Subset(const Rows& rows, const std::vector<std::size_t>& keep);
  const Rows& rows() const { return all_ ? *all_ : some_; }

 private:
  const Rows* all_ = nullptr;
  Rows some_;
};

using Which = std::span<const std::size_t>;  // some rows, by index
std::vector<std::size_t> all_of(const Rows& rows);
// `most` of `count` things, evenly spread; all where there are no more.
std::vector<std::size_t> every_nth(std::size_t count, std::size_t most);

// Sums of the rows of each group, [groups, width]; group_of[n] is that of which[n].
std::vector<double> group_sums(const Rows& rows, Which which, std::span<const std::size_t> group_of,
                               std::size_t groups);
// The same of values · factors[n], neither scaled nor shifted.
std::vector<double> group_sums_of_values(const Rows& rows, Which which, std::span<const double> factors,
                                         std::span<const std::size_t> group_of, std::size_t groups);

}  // namespace deltascape::landscape
