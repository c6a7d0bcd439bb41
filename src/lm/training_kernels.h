// Owns the kernels that only the differentiable execution needs: gradients of fused steps, and the softmax under a
// loss. As in kernels.h: one pass over memory, chosen at run time.
#pragma once

#include <cstdint>

#include "exec/kernels.h"

namespace deltascape::engine::kernels {

// dx of rms_norm for dy, each [rows, width].
void rms_norm_gradient(const float* x, const float* weight, const float* dy, float* dx, std::int64_t rows,
                       std::int64_t width, double eps);
void rms_norm_gradient(const double* x, const double* weight, const double* dy, double* dx, std::int64_t rows,
                       std::int64_t width, double eps);

// x·σ(z): of SiLU z = x, of GELU's tanh form z = 2·√(2/π)·(x + 0.044715·x³).
enum class GateKind : std::uint8_t { kSilu, kGeluTanh };
// out = activation(gate) · up.
void gate(GateKind kind, const float* gate, const float* up, float* out, std::int64_t count);
void gate(GateKind kind, const double* gate, const double* up, double* out, std::int64_t count);
// The same in the other direction: activation(gate) is made again.
void gate_gradient(GateKind kind, const float* gate, const float* up, const float* dy, float* dgate, float* dup,
                   std::int64_t count);
void gate_gradient(GateKind kind, const double* gate, const double* up, const double* dy, double* dgate, double* dup,
                   std::int64_t count);

// row = e^(row − its largest value); gives the logarithm of the sum of e^row as it was, and the sum as it is now.
struct SoftmaxSums {
  double log_sum, sum;
};
SoftmaxSums exponentials(float* row, std::int64_t width);
SoftmaxSums exponentials(double* row, std::int64_t width);

// How the features of a head turn (model::RopeSpec): `turned` of them from `offset` on.
struct Turn {
  std::int64_t dim, turned, offset;
  bool interleaved;
};
// One row's heads, `heads` of turn.dim values, each written `repeat` times: x -> out. cos, sin: the row's, turned/2.
void turn(const Turn& turn, const float* x, float* out, const float* cos, const float* sin, std::int64_t heads,
          std::int64_t repeat);
void turn(const Turn& turn, const double* x, double* out, const double* cos, const double* sin, std::int64_t heads,
          std::int64_t repeat);
// Its gradient, added to dx: the sum of each head's repetitions in dout, turned back.
void turn_gradient(const Turn& turn, const float* dout, float* dx, const float* cos, const float* sin,
                   std::int64_t heads, std::int64_t repeat);
void turn_gradient(const Turn& turn, const double* dout, double* dx, const double* cos, const double* sin,
                   std::int64_t heads, std::int64_t repeat);

// out = x / kept for a share of `kept` of the elements, 0 for the others: which ones says a hash of `key` and the
// element's number, that of the first being `first`.
void drop(const float* x, float* out, std::int64_t first, std::int64_t count, std::uint64_t key, double kept);
void drop(const double* x, double* out, std::int64_t first, std::int64_t count, std::uint64_t key, double kept);

}  // namespace deltascape::engine::kernels
