// Dot products of many rows in float64, a tile at a time: what takes the time in this room.
#pragma once

#include <functional>
#include <memory>

#include "landscape/rows.h"

namespace deltascape::landscape {

// Rows in float64 in the order in which products() reads them: [panel][width][kPanel], the last panel filled up with
// zeros.
class Panels {
 public:
  void pack(const Rows& rows, Which which);
  void pack(std::span<const double> values, std::size_t count, std::size_t width);  // values: [count, width]

  std::size_t count() const { return count_; }
  std::size_t padded() const { return (count_ + kPanel - 1) / kPanel * kPanel; }
  std::size_t width() const { return width_; }
  const double* data() const { return data_.get(); }

 private:
  void resize(std::size_t count, std::size_t width);
  std::size_t count_ = 0, width_ = 0, capacity_ = 0;
  std::unique_ptr<double[]> data_;  // not filled before it is packed
};

// out[i * right.padded() + j] = left[i] · right[j] for all of left.padded() × right.padded(). What a pair gives does
// not depend on the rows beside it; with fused multiply-adds where the processor has them.
void products(const Panels& left, const Panels& right, std::vector<double>& out);

// Products of the rows lefts[first_row + i] with rights[first_column + j]. For unit rows they are cosines (a rounding
// error may leave [-1, 1]), 0 for rows of zeros.
struct Tile {
  std::size_t first_row = 0, rows = 0, first_column = 0, columns = 0;
  const double* values = nullptr;
  std::size_t stride = 0;
  bool last = false;  // the last tile of these rows
  std::span<const double> row(std::size_t i) const { return {values + i * stride, columns}; }
};
inline constexpr std::size_t kTileRows = 256;
// Calls use() from several threads; the tiles of one run of kTileRows rows come from one thread, in the order of their
// columns. Products are never all in memory.
using UseTile = std::function<void(const Tile&)>;
void for_each_tile(const Rows& rows, Which lefts, Which rights, const UseTile& use);
// The same on the calling thread.
void for_each_tile_here(const Rows& rows, Which lefts, Which rights, const UseTile& use);
// Of all pairs of rows, those below the diagonal and some above it.
void for_each_lower_tile(const Rows& rows, const UseTile& use);

// sklearn's cosine distance, clipped to [0, 1] (docs/design.md §5.4).
inline double cosine_distance(double cosine) { return cosine >= 1 ? 0 : cosine <= 0 ? 1 : 1 - cosine; }

}  // namespace deltascape::landscape
