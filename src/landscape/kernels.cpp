#include "landscape/kernels.h"

#include <cstring>

#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define DELTASCAPE_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define DELTASCAPE_CLONES
#endif

namespace deltascape::landscape {
namespace {

typedef double Double4 __attribute__((vector_size(32)));
typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));

}  // namespace

DELTASCAPE_CLONES
double dot(const float* row, const double* other, std::size_t width) {
  Double4 sums[2] = {};
  for (std::size_t k = 0; k < width; k += 8)
    for (std::size_t half = 0; half < 2; ++half) {
      Float4 left;
      Double4 right;
      std::memcpy(&left, row + k + 4 * half, sizeof left);
      std::memcpy(&right, other + k + 4 * half, sizeof right);
      sums[half] += __builtin_convertvector(left, Double4) * right;
    }
  const Double4 s = sums[0] + sums[1];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

DELTASCAPE_CLONES
void add_scaled(const float* row, double factor, std::size_t width, double* sum) {
  for (std::size_t k = 0; k < width; k += 4) {
    Float4 values;
    Double4 total;
    std::memcpy(&values, row + k, sizeof values);
    std::memcpy(&total, sum + k, sizeof total);
    total += __builtin_convertvector(values, Double4) * factor;
    std::memcpy(sum + k, &total, sizeof total);
  }
}

DELTASCAPE_CLONES
double squared_length(const float* row, double scale, const double* shift, std::size_t width) {
  Double4 sums[2] = {};
  for (std::size_t k = 0; k < width; k += 8)
    for (std::size_t half = 0; half < 2; ++half) {
      Float4 values;
      Double4 off;
      std::memcpy(&values, row + k + 4 * half, sizeof values);
      std::memcpy(&off, shift + k + 4 * half, sizeof off);
      const Double4 rest = __builtin_convertvector(values, Double4) * scale - off;
      sums[half] += rest * rest;
    }
  const Double4 s = sums[0] + sums[1];
  return (s[0] + s[1]) + (s[2] + s[3]);
}

DELTASCAPE_CLONES
Forces tsne_forces(const float* p, const float* x, const float* y, std::size_t padded, std::size_t i) {
  const Float8 zero = {};
  const Float8 xi = zero + x[i], yi = zero + y[i];
  Float8 weights = {}, ax = {}, ay = {}, rx = {}, ry = {};
  for (std::size_t j = 0; j < padded; j += 8) {
    Float8 pj, xj, yj;
    std::memcpy(&pj, p + j, sizeof pj);
    std::memcpy(&xj, x + j, sizeof xj);
    std::memcpy(&yj, y + j, sizeof yj);
    const Float8 dx = xi - xj, dy = yi - yj;
    const Float8 q = 1.0f / (1.0f + dx * dx + dy * dy);
    const Float8 pq = pj * q, qq = q * q;
    weights += q;
    ax += pq * dx;
    ay += pq * dy;
    rx += qq * dx;
    ry += qq * dy;
  }
  Forces f;
  for (int lane = 0; lane < 8; ++lane) {
    f.weights += double{weights[lane]};
    f.attract_x += double{ax[lane]};
    f.attract_y += double{ay[lane]};
    f.repel_x += double{rx[lane]};
    f.repel_y += double{ry[lane]};
  }
  f.weights -= 1;  // of the point with itself
  return f;
}

}  // namespace deltascape::landscape
