#include "lm/training_kernels.h"

#include <array>

#include "exec/simd.h"

namespace deltascape::engine::kernels {
namespace {

using simd::kLanes;
using simd::load;
using simd::store;
using simd::Vector;

template <class T>
DELTASCAPE_INLINE void rms_norm_gradient_rows(const T* __restrict x, const T* __restrict weight, const T* __restrict dy,
                                              T* __restrict dx, std::int64_t rows, std::int64_t width, double eps) {
  for (std::int64_t r = 0; r < rows; ++r, x += width, dy += width, dx += width) {
    Vector<T> squares = {}, products = {};
    std::int64_t i = 0;
    for (; i + kLanes<T> <= width; i += kLanes<T>) {
      const Vector<T> v = load(x + i);
      squares += v * v;
      products += load(dy + i) * load(weight + i) * v;
    }
    T square = simd::sum<T>(squares), product = simd::sum<T>(products);
    for (; i < width; ++i) {
      square += x[i] * x[i];
      product += dy[i] * weight[i] * x[i];
    }
    const T scale = T(1) / std::sqrt(square / static_cast<T>(width) + static_cast<T>(eps));
    const T along = scale * scale * scale * product / static_cast<T>(width);
    for (i = 0; i < width; ++i) dx[i] = scale * weight[i] * dy[i] - along * x[i];
  }
}

// Runs `whole` on a vector of each array's elements at a time: on copies padded with zeros for the last ones.
template <class T, int kIn, int kOut, class Whole>
DELTASCAPE_INLINE void elementwise(const std::array<const T*, kIn>& in, const std::array<T*, kOut>& out,
                                   std::int64_t count, const Whole& whole) {
  std::int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) {
    Vector<T> x[kIn], y[kOut];
    for (int a = 0; a < kIn; ++a) x[a] = load(in[a] + i);
    whole(x, y);
    for (int a = 0; a < kOut; ++a) store(out[a] + i, y[a]);
  }
  if (i == count) return;
  const auto bytes = static_cast<std::size_t>(count - i) * sizeof(T);
  Vector<T> x[kIn] = {}, y[kOut];
  for (int a = 0; a < kIn; ++a) std::memcpy(&x[a], in[a] + i, bytes);
  whole(x, y);
  for (int a = 0; a < kOut; ++a) std::memcpy(out[a] + i, &y[a], bytes);
}

constexpr double kCubic = 0.044715, kTwice = 1.5957691216057308;  // 2·√(2/π)

template <class T, GateKind kKind>
DELTASCAPE_INLINE Vector<T> sigmoid(Vector<T> x) {
  Vector<T> z = x;
  if constexpr (kKind == GateKind::kGeluTanh) z = (x + x * x * x * T(kCubic)) * T(kTwice);
  return T(1) / (simd::exponential(-z) + T(1));
}

template <class T, GateKind kKind>
DELTASCAPE_INLINE void gate_all(const T* gate, const T* up, T* out, std::int64_t count) {
  elementwise<T, 2, 1>({gate, up}, {out}, count, [](const Vector<T>* in, Vector<T>* y) DELTASCAPE_INLINED {
    y[0] = in[0] * sigmoid<T, kKind>(in[0]) * in[1];
  });
}

template <class T, GateKind kKind>
DELTASCAPE_INLINE void gate_gradient_all(const T* gate, const T* up, const T* dy, T* dgate, T* dup,
                                         std::int64_t count) {
  elementwise<T, 3, 2>({gate, up, dy}, {dgate, dup}, count, [](const Vector<T>* in, Vector<T>* y) DELTASCAPE_INLINED {
    const Vector<T> x = in[0], s = sigmoid<T, kKind>(x);
    Vector<T> steep = x;  // x·z'
    if constexpr (kKind == GateKind::kGeluTanh) steep = (x + x * x * x * T(3 * kCubic)) * T(kTwice);
    y[0] = in[2] * in[1] * (s + steep * s * (T(1) - s));
    y[1] = in[2] * x * s;
  });
}

template <class T>
DELTASCAPE_INLINE SoftmaxSums exponentials_of(T* row, std::int64_t width) {
  T most = row[0];
  std::int64_t i = 0;
  if (width >= kLanes<T>) {
    Vector<T> largest = load(row);
    for (; i + kLanes<T> <= width; i += kLanes<T>) {
      const Vector<T> v = load(row + i);
      largest = v > largest ? v : largest;
    }
    T lanes[kLanes<T>];
    std::memcpy(lanes, &largest, sizeof largest);
    for (const T lane : lanes) most = lane > most ? lane : most;
  }
  for (; i < width; ++i) most = row[i] > most ? row[i] : most;
  Vector<T> sums = {};
  for (i = 0; i + kLanes<T> <= width; i += kLanes<T>) {
    const Vector<T> v = simd::exponential(load(row + i) - most);
    store(row + i, v);
    sums += v;
  }
  double sum = simd::sum<T>(sums);
  for (; i < width; ++i) sum += row[i] = std::exp(row[i] - most);
  return {static_cast<double>(most) + std::log(sum), sum};
}

// Where the features of a pair stand within the turned ones.
struct Pair {
  std::int64_t first, second;
};
DELTASCAPE_INLINE Pair pair_of(const Turn& t, std::int64_t i) {
  return t.interleaved ? Pair{2 * i, 2 * i + 1} : Pair{i, i + t.turned / 2};
}

template <class T, bool kInterleaved>
DELTASCAPE_INLINE void turn_heads(Turn t, const T* x, T* out, const T* __restrict cos, const T* __restrict sin,
                                  std::int64_t heads, std::int64_t repeat) {
  t.interleaved = kInterleaved;
  for (std::int64_t h = 0; h < heads; ++h, x += t.dim, out += repeat * t.dim) {
    std::memcpy(out, x, static_cast<std::size_t>(t.dim) * sizeof(T));
    const T* __restrict from = x + t.offset;
    T* __restrict to = out + t.offset;
    for (std::int64_t i = 0; i < t.turned / 2; ++i) {
      const auto [a, b] = pair_of(t, i);
      to[a] = from[a] * cos[i] - from[b] * sin[i];
      to[b] = from[b] * cos[i] + from[a] * sin[i];
    }
    for (std::int64_t r = 1; r < repeat; ++r)
      std::memcpy(out + r * t.dim, out, static_cast<std::size_t>(t.dim) * sizeof(T));
  }
}

template <class T, bool kInterleaved>
DELTASCAPE_INLINE void turn_heads_back(Turn t, const T* dout, T* dx, const T* __restrict cos, const T* __restrict sin,
                                       std::int64_t heads, std::int64_t repeat) {
  t.interleaved = kInterleaved;
  for (std::int64_t h = 0; h < heads; ++h, dx += t.dim, dout += repeat * t.dim)
    for (std::int64_t r = 0; r < repeat; ++r) {
      const T* __restrict from = dout + r * t.dim;
      T* __restrict to = dx;
      for (std::int64_t i = 0; i < t.offset; ++i) to[i] += from[i];
      for (std::int64_t i = t.offset + t.turned; i < t.dim; ++i) to[i] += from[i];
      from += t.offset, to += t.offset;
      for (std::int64_t i = 0; i < t.turned / 2; ++i) {
        const auto [a, b] = pair_of(t, i);
        to[a] += from[a] * cos[i] + from[b] * sin[i];
        to[b] += from[b] * cos[i] - from[a] * sin[i];
      }
    }
}

// MurmurHash3's finaliser over a counter (Austin Appleby, public domain): every bit of the number moves every bit.
DELTASCAPE_INLINE std::uint32_t hashed(std::uint32_t number, std::uint32_t key) {
  std::uint32_t h = number ^ key;
  h ^= h >> 16;
  h *= 0x85ebca6bU;
  h ^= h >> 13;
  h *= 0xc2b2ae35U;
  h ^= h >> 16;
  return h;
}

template <class T>
DELTASCAPE_INLINE void drop_all(const T* __restrict x, T* __restrict out, std::int64_t first, std::int64_t count,
                                std::uint64_t key, double kept) {
  const T scale = static_cast<T>(1 / kept);
  const auto below = static_cast<std::uint32_t>(kept * 4294967295.0);
  const auto low = static_cast<std::uint32_t>(key), high = static_cast<std::uint32_t>(key >> 32);
  for (std::int64_t i = 0; i < count; ++i) {
    // Twice, with both halves of the key: numbers that one key only permutes are independent under two.
    const std::uint32_t h = hashed(hashed(static_cast<std::uint32_t>(first + i), low), high);
    out[i] = h <= below ? x[i] * scale : T(0);
  }
}

}  // namespace

#define DELTASCAPE_FOR(T)                                                                                           \
  DELTASCAPE_CLONES void rms_norm_gradient(const T* x, const T* weight, const T* dy, T* dx, std::int64_t rows,      \
                                           std::int64_t width, double eps) {                                        \
    rms_norm_gradient_rows(x, weight, dy, dx, rows, width, eps);                                                    \
  }                                                                                                                 \
  DELTASCAPE_CLONES void gate(GateKind kind, const T* gate, const T* up, T* out, std::int64_t count) {              \
    if (kind == GateKind::kSilu) gate_all<T, GateKind::kSilu>(gate, up, out, count);                                \
    else gate_all<T, GateKind::kGeluTanh>(gate, up, out, count);                                                    \
  }                                                                                                                 \
  DELTASCAPE_CLONES void gate_gradient(GateKind kind, const T* gate, const T* up, const T* dy, T* dgate, T* dup,    \
                                       std::int64_t count) {                                                        \
    if (kind == GateKind::kSilu) gate_gradient_all<T, GateKind::kSilu>(gate, up, dy, dgate, dup, count);            \
    else gate_gradient_all<T, GateKind::kGeluTanh>(gate, up, dy, dgate, dup, count);                                \
  }                                                                                                                 \
  DELTASCAPE_CLONES SoftmaxSums exponentials(T* row, std::int64_t width) { return exponentials_of(row, width); }    \
  DELTASCAPE_CLONES void turn(const Turn& turn, const T* x, T* out, const T* cos, const T* sin, std::int64_t heads, \
                              std::int64_t repeat) {                                                                \
    if (turn.interleaved) turn_heads<T, true>(turn, x, out, cos, sin, heads, repeat);                               \
    else turn_heads<T, false>(turn, x, out, cos, sin, heads, repeat);                                               \
  }                                                                                                                 \
  DELTASCAPE_CLONES void turn_gradient(const Turn& turn, const T* dout, T* dx, const T* cos, const T* sin,          \
                                       std::int64_t heads, std::int64_t repeat) {                                   \
    if (turn.interleaved) turn_heads_back<T, true>(turn, dout, dx, cos, sin, heads, repeat);                        \
    else turn_heads_back<T, false>(turn, dout, dx, cos, sin, heads, repeat);                                        \
  }                                                                                                                 \
  DELTASCAPE_CLONES void drop(const T* x, T* out, std::int64_t first, std::int64_t count, std::uint64_t key,        \
                              double kept) {                                                                        \
    drop_all(x, out, first, count, key, kept);                                                                      \
  }
DELTASCAPE_FOR(float)
DELTASCAPE_FOR(double)
#undef DELTASCAPE_FOR

}  // namespace deltascape::engine::kernels
