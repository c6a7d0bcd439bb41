// Owns the two inner loops that take the time: dot products of many rows, and t-SNE's forces.
// Written with vector types of a fixed width, so that sums are the same on every machine; compiled for the widest
// registers of the machine at hand.
#pragma once

#include <cstddef>

namespace deltascape::landscape {

// out[i * stride + j] = rows_a[i] · rows_b[j] in float64. Rows lie `width` values apart, a multiple of kLanes, the
// rest of each row zero.
inline constexpr std::size_t kLanes = 4;
struct Rows {
  const double* data = nullptr;
  std::size_t count = 0;
};
void dot_products(Rows a, Rows b, std::size_t width, double* out, std::size_t stride);

// For point i: sums over all j of q (Student-t weights, without i itself), p·q·(y_i - y_j) and q²·(y_i - y_j).
// p, x, y are padded to `padded` (a multiple of 8) values: p with 0, x and y with far-away coordinates.
struct Forces {
  double weights = 0, attract_x = 0, attract_y = 0, repel_x = 0, repel_y = 0;
};
Forces tsne_forces(const float* p, const float* x, const float* y, std::size_t padded, std::size_t i);

}  // namespace deltascape::landscape
