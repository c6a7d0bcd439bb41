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
typedef float Float8 __attribute__((vector_size(32)));

}  // namespace

DELTASCAPE_CLONES
void dot_products(Rows a, Rows b, std::size_t width, double* out, std::size_t stride) {
  for (std::size_t i = 0; i < a.count; i += 2) {
    const std::size_t is[2] = {i, i + 1 < a.count ? i + 1 : i};  // an odd last row is computed twice
    for (std::size_t j = 0; j < b.count; j += 4) {
      Double4 sums[2][4] = {};
      const double* rows[4];
      for (std::size_t c = 0; c < 4; ++c) rows[c] = b.data + (j + c < b.count ? j + c : j) * width;
      for (std::size_t k = 0; k < width; k += kLanes) {
        Double4 left[2];
        for (std::size_t r = 0; r < 2; ++r) std::memcpy(&left[r], a.data + is[r] * width + k, sizeof(Double4));
        for (std::size_t c = 0; c < 4; ++c) {
          Double4 right;
          std::memcpy(&right, rows[c] + k, sizeof(Double4));
          for (std::size_t r = 0; r < 2; ++r) sums[r][c] += left[r] * right;
        }
      }
      for (std::size_t r = 0; r < 2; ++r)
        for (std::size_t c = 0; c < 4 && j + c < b.count; ++c) {
          const Double4 s = sums[r][c];
          out[is[r] * stride + j + c] = (s[0] + s[1]) + (s[2] + s[3]);
        }
    }
  }
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
