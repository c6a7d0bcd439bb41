// Owns the two leading principal axes, by block subspace iteration with Rayleigh-Ritz on the rows' Gram matrix, which
// is never formed: N and d may both be large, and two axes are all a map needs.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "landscape/planar.h"

namespace deltascape::landscape {
namespace {

constexpr std::size_t kBlock = 16;   // more directions than the two wanted: convergence goes with the 17th eigenvalue
constexpr double kResidual = 1e-11;  // of the largest eigenvalue

using Columns = std::vector<double>;  // [n, kBlock]
using Small = std::array<std::array<double, kBlock>, kBlock>;

void centre(EmbeddingRows& rows) {
  std::vector<double> mean(rows.width);
  for (std::size_t i = 0; i < rows.values.size(); ++i) mean[i % rows.width] += rows.values[i];
  for (std::size_t i = 0; i < rows.values.size(); ++i)
    rows.values[i] -= mean[i % rows.width] / static_cast<double>(rows.count);
}

// [width, kBlock] = rowsᵀ · left
Columns times_transposed(const EmbeddingRows& rows, const Columns& left) {
  Columns out(rows.width * kBlock);
  for (std::size_t i = 0; i < rows.count; ++i)
    for (std::size_t d = 0; d < rows.width; ++d) {
      const double value = rows.values[i * rows.width + d];
      for (std::size_t b = 0; b < kBlock; ++b) out[d * kBlock + b] += value * left[i * kBlock + b];
    }
  return out;
}

// [count, kBlock] = rows · right
Columns times(const EmbeddingRows& rows, const Columns& right) {
  Columns out(rows.count * kBlock);
  for (std::size_t i = 0; i < rows.count; ++i)
    for (std::size_t d = 0; d < rows.width; ++d) {
      const double value = rows.values[i * rows.width + d];
      for (std::size_t b = 0; b < kBlock; ++b) out[i * kBlock + b] += value * right[d * kBlock + b];
    }
  return out;
}

// Modified Gram-Schmidt, twice; columns that depend on earlier ones become zero.
void orthonormalise(Columns& columns) {
  const std::size_t n = columns.size() / kBlock;
  for (std::size_t b = 0; b < kBlock; ++b) {
    const auto product = [&](std::size_t x, std::size_t y) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) sum += columns[i * kBlock + x] * columns[i * kBlock + y];
      return sum;
    };
    const double before = std::sqrt(product(b, b));
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t c = 0; c < b; ++c) {
        const double along = product(b, c);
        for (std::size_t i = 0; i < n; ++i) columns[i * kBlock + b] -= along * columns[i * kBlock + c];
      }
    const double after = std::sqrt(product(b, b));
    const double scale = after > 1e-12 * before && after > 0 ? 1 / after : 0;
    for (std::size_t i = 0; i < n; ++i) columns[i * kBlock + b] *= scale;
  }
}

// Cyclic Jacobi: eigenvalues of a symmetric matrix on its diagonal, eigenvectors as columns.
Small jacobi(Small& a) {
  Small vectors = {};
  for (std::size_t i = 0; i < kBlock; ++i) vectors[i][i] = 1;
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, on = 0;
    for (std::size_t i = 0; i < kBlock; ++i)
      for (std::size_t j = 0; j < kBlock; ++j) (i == j ? on : off) += a[i][j] * a[i][j];
    if (off <= 1e-30 * on) break;
    for (std::size_t p = 0; p < kBlock; ++p)
      for (std::size_t q = p + 1; q < kBlock; ++q) {
        if (a[p][q] == 0) continue;
        const double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t = (theta >= 0 ? 1 : -1) / (std::fabs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (std::size_t k = 0; k < kBlock; ++k) {
          const double kp = a[k][p], kq = a[k][q];
          a[k][p] = c * kp - s * kq;
          a[k][q] = s * kp + c * kq;
        }
        for (std::size_t k = 0; k < kBlock; ++k) {
          const double pk = a[p][k], qk = a[q][k];
          a[p][k] = c * pk - s * qk;
          a[q][k] = s * pk + c * qk;
          const double vp = vectors[k][p], vq = vectors[k][q];
          vectors[k][p] = c * vp - s * vq;
          vectors[k][q] = s * vp + c * vq;
        }
      }
  }
  return vectors;
}

// columns · vectors with the vectors in order of falling eigenvalue.
void rotate(Columns& columns, const Small& vectors, const std::array<std::size_t, kBlock>& order) {
  for (std::size_t i = 0; i * kBlock < columns.size(); ++i) {
    std::array<double, kBlock> row = {};
    for (std::size_t b = 0; b < kBlock; ++b)
      for (std::size_t c = 0; c < kBlock; ++c) row[b] += columns[i * kBlock + c] * vectors[c][order[b]];
    std::copy(row.begin(), row.end(), columns.begin() + static_cast<std::ptrdiff_t>(i * kBlock));
  }
}

// One round: directions in the plane of `left` of falling variance, and the products that prove them.
struct Ritz {
  std::array<double, 2> values = {0, 0};
  Columns products;     // Gram · left
  double residual = 0;  // largest of the two, relative to the largest value
};
Ritz rayleigh_ritz(const EmbeddingRows& rows, Columns& left) {
  Columns half = times_transposed(rows, left);
  Small gram = {};
  for (std::size_t d = 0; d < rows.width; ++d)
    for (std::size_t b = 0; b < kBlock; ++b)
      for (std::size_t c = 0; c < kBlock; ++c) gram[b][c] += half[d * kBlock + b] * half[d * kBlock + c];
  const Small vectors = jacobi(gram);
  std::array<std::size_t, kBlock> order;
  for (std::size_t b = 0; b < kBlock; ++b) order[b] = b;
  std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) { return gram[x][x] > gram[y][y]; });
  rotate(left, vectors, order);
  rotate(half, vectors, order);
  Ritz out;
  out.values = {std::max(0.0, gram[order[0]][order[0]]), std::max(0.0, gram[order[1]][order[1]])};
  out.products = times(rows, half);
  for (std::size_t b = 0; b < 2; ++b) {
    double squares = 0;
    for (std::size_t i = 0; i < rows.count; ++i) {
      const double rest = out.products[i * kBlock + b] - out.values[b] * left[i * kBlock + b];
      squares += rest * rest;
    }
    if (out.values[0] > 0) out.residual = std::max(out.residual, std::sqrt(squares) / out.values[0]);
  }
  return out;
}

}  // namespace

Principal principal_axes(EmbeddingRows rows, int rounds) {
  Principal out;
  out.scores.resize(rows.count);
  centre(rows);
  double variance = 0;
  for (const double value : rows.values) variance += value * value;
  if (rows.count < 2 || !(variance > 0)) return out;

  Columns left(rows.count * kBlock);
  std::mt19937_64 random(1);
  for (double& value : left) value = static_cast<double>(random() >> 11) * 0x1.0p-52 - 1;
  orthonormalise(left);
  Ritz ritz;
  for (int round = 0; round < rounds; ++round) {
    ritz = rayleigh_ritz(rows, left);
    if (ritz.residual <= kResidual) break;
    left = std::move(ritz.products);
    orthonormalise(left);
  }
  for (std::size_t axis = 0; axis < 2; ++axis) {
    out.explained[axis] = ritz.values[axis] / variance;
    double Point::*coordinate = axis == 0 ? &Point::x : &Point::y;
    double extreme = 0;
    for (std::size_t i = 0; i < rows.count; ++i) {
      out.scores[i].*coordinate = left[i * kBlock + axis] * std::sqrt(ritz.values[axis]);
      if (std::fabs(out.scores[i].*coordinate) > std::fabs(extreme) + 1e-12) extreme = out.scores[i].*coordinate;
    }
    if (extreme < 0)
      for (Point& point : out.scores) point.*coordinate = -(point.*coordinate);
  }
  return out;
}

}  // namespace deltascape::landscape
