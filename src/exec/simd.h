// Owns the vectors that our kernels compute with: GCC's generic vectors of 64 bytes, which the compiler lowers to what
// each clone of a function may use (AVX-512, AVX2, SSE2, NEON): the same operations in the same order, but for the
// rounding inside a multiply-add.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define DELTASCAPE_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DELTASCAPE_CLONES
#endif
#define DELTASCAPE_INLINE inline __attribute__((always_inline))
#define DELTASCAPE_INLINED __attribute__((always_inline))  // for lambdas: they compute with their function's clone
#pragma GCC diagnostic ignored "-Wpsabi"                   // vectors are passed between inlined functions alone

namespace deltascape::engine::simd {

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using type = float __attribute__((vector_size(64)));
};
template <>
struct VectorOf<double> {
  using type = double __attribute__((vector_size(64)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
inline constexpr std::int64_t kLanes = 64 / sizeof(T);

template <class T>
DELTASCAPE_INLINE Vector<T> load(const T* from) {
  Vector<T> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
DELTASCAPE_INLINE void store(T* to, Vector<T> v) {
  std::memcpy(to, &v, sizeof v);
}

// A bfloat16 is the upper half of a float.
DELTASCAPE_INLINE Vector<float> widened(const std::uint16_t* from) {
  using Bits = std::uint32_t __attribute__((vector_size(64)));
  std::uint16_t __attribute__((vector_size(32))) halves;
  std::memcpy(&halves, from, sizeof halves);
  const Bits bits = __builtin_convertvector(halves, Bits) << 16;
  Vector<float> v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

DELTASCAPE_INLINE float widened(std::uint16_t half) {
  const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

template <class T>
DELTASCAPE_INLINE T sum(Vector<T> v) {  // pairwise, the same in every clone
  T lanes[kLanes<T>];
  std::memcpy(lanes, &v, sizeof v);
  for (std::int64_t width = kLanes<T> / 2; width > 0; width /= 2)
    for (std::int64_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  return lanes[0];
}

// e^x to within 1e-7 relative: x = n·ln 2 + r, |r| ≤ ln 2 / 2, a Taylor polynomial of degree 7 for e^r (the next term
// is below 6e-9), and n into the exponent. Beyond ±87 the result is that of the border.
DELTASCAPE_INLINE Vector<float> exponential(Vector<float> x) {
  using Int = std::int32_t __attribute__((vector_size(64)));
  const Vector<float> high = x - x + 87.0F, low = -high;
  x = x > high ? high : x;
  x = x < low ? low : x;
  const Vector<float> n = (x * 1.44269504F + 12582912.0F) - 12582912.0F;  // rounds to nearest
  const Vector<float> r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
  Vector<float> p = r * 1.98412698e-4F + 1.38888889e-3F;
  p = p * r + 8.33333333e-3F;
  p = p * r + 4.16666667e-2F;
  p = p * r + 1.66666667e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const Int bits = (__builtin_convertvector(n, Int) + 127) << 23;
  Vector<float> scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

DELTASCAPE_INLINE Vector<double> exponential(Vector<double> x) {
  double lanes[kLanes<double>];
  std::memcpy(lanes, &x, sizeof x);
  for (double& lane : lanes) lane = std::exp(lane);
  return load(lanes);
}

}  // namespace deltascape::engine::simd
