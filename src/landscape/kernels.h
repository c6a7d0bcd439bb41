// Inner loops that are written with vector types of a fixed width, so that their sums are the same on every machine,
// and compiled for the widest registers of the machine at hand.
#pragma once

#include <cstddef>

namespace deltascape::landscape {

// row · other. `width` is a multiple of kPanel here and below.
double dot(const float* row, const double* other, std::size_t width);
// sum += row · factor
void add_scaled(const float* row, double factor, std::size_t width, double* sum);
// Σ (row · scale - shift)²
double squared_length(const float* row, double scale, const double* shift, std::size_t width);

// For point i: sums over all j of q (Student-t weights, without i itself), p·q·(y_i - y_j) and q²·(y_i - y_j).
// p, x, y are padded to `padded` (a multiple of 8) values: p with 0, x and y with far-away coordinates.
struct Forces {
  double weights = 0, attract_x = 0, attract_y = 0, repel_x = 0, repel_y = 0;
};
Forces tsne_forces(const float* p, const float* x, const float* y, std::size_t padded, std::size_t i);

}  // namespace deltascape::landscape
