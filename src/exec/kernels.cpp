#include "exec/kernels.h"

#include "exec/simd.h"

namespace deltascape::engine::kernels {
namespace {

using simd::kLanes;
using simd::load;
using simd::store;
using simd::Vector;
using simd::widened;

using Bits = std::uint32_t __attribute__((vector_size(64)));
using Halves = bf16 __attribute__((vector_size(32)));

DELTASCAPE_INLINE Bits bits_of(Vector<float> v) {
  Bits bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

// To nearest, ties to even.
DELTASCAPE_INLINE Halves rounded(Bits bits) {
  return __builtin_convertvector((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16, Halves);
}

DELTASCAPE_INLINE bf16 rounded(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<bf16>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

DELTASCAPE_INLINE bool any(Bits bits) {
  std::uint32_t lanes[16], all = 0;
  std::memcpy(lanes, &bits, sizeof lanes);
  for (const std::uint32_t lane : lanes) all |= lane;
  return (all << 1) != 0;  // the sign of a zero is no difference
}

template <class T>
DELTASCAPE_INLINE T norm_scale(const T* x, std::int64_t width, double eps) {
  Vector<T> squares = {};
  std::int64_t i = 0;
  for (; i + kLanes<T> <= width; i += kLanes<T>) {
    const Vector<T> v = load(x + i);
    squares += v * v;
  }
  T sum = simd::sum<T>(squares);
  for (; i < width; ++i) sum += x[i] * x[i];
  return T(1) / std::sqrt(sum / static_cast<T>(width) + static_cast<T>(eps));
}

template <class T>
DELTASCAPE_INLINE void rms_norm_rows(const T* __restrict x, const T* __restrict weight, T* __restrict out,
                                     std::int64_t rows, std::int64_t width, double eps) {
  for (std::int64_t r = 0; r < rows; ++r, x += width, out += width) {
    const T scale = norm_scale(x, width, eps);
    for (std::int64_t i = 0; i < width; ++i) out[i] = x[i] * scale * weight[i];
  }
}

// y = start(c) + s · b for kRows rows that share what is read of b, two vectors of columns at a time.
template <class T, int kRows, class Start>
DELTASCAPE_INLINE void low_rank_rows(const T* s, std::int64_t stride, const T* b, std::int64_t rank, T* y,
                                     std::int64_t out, const Start& start) {
  std::int64_t c = 0;
  for (; c + 2 * kLanes<T> <= out; c += 2 * kLanes<T>) {
    Vector<T> left[kRows], right[kRows];
    for (int r = 0; r < kRows; ++r) {
      left[r] = start(r, c);
      right[r] = start(r, c + kLanes<T>);
    }
    for (std::int64_t k = 0; k < rank; ++k) {
      const Vector<T> b_left = load(b + k * out + c), b_right = load(b + k * out + c + kLanes<T>);
      for (int r = 0; r < kRows; ++r) {
        left[r] += b_left * s[r * stride + k];
        right[r] += b_right * s[r * stride + k];
      }
    }
    for (int r = 0; r < kRows; ++r) {
      store(y + r * out + c, left[r]);
      store(y + r * out + c + kLanes<T>, right[r]);
    }
  }
  for (; c < out; ++c)
    for (int r = 0; r < kRows; ++r) {
      T sum = start.one(r, c);
      for (std::int64_t k = 0; k < rank; ++k) sum += s[r * stride + k] * b[k * out + c];
      y[r * out + c] = sum;
    }
}

// What low_rank_rows adds to.
template <class T>
struct Base {
  const T* base;
  std::int64_t out;
  DELTASCAPE_INLINE Vector<T> operator()(int r, std::int64_t c) const { return load(base + r * out + c); }
  DELTASCAPE_INLINE T one(int r, std::int64_t c) const { return base[r * out + c]; }
  DELTASCAPE_INLINE void advance(std::int64_t rows) { base += rows * out; }
};
struct Moved {
  const float* base;
  const bf16* moved;
  std::int64_t out;
  DELTASCAPE_INLINE Vector<float> operator()(int r, std::int64_t c) const {
    return load(base + r * out + c) + widened(moved + r * out + c);
  }
  DELTASCAPE_INLINE float one(int r, std::int64_t c) const { return base[r * out + c] + widened(moved[r * out + c]); }
  DELTASCAPE_INLINE void advance(std::int64_t rows) { base += rows * out, moved += rows * out; }
};

struct Widened {
  const bf16* moved;
  std::int64_t out;
  DELTASCAPE_INLINE Vector<float> operator()(int r, std::int64_t c) const { return widened(moved + r * out + c); }
  DELTASCAPE_INLINE float one(int r, std::int64_t c) const { return widened(moved[r * out + c]); }
  DELTASCAPE_INLINE void advance(std::int64_t rows) { moved += rows * out; }
};

template <class T, class Start>
DELTASCAPE_INLINE void low_rank_all(const T* s, std::int64_t stride, const T* b, std::int64_t rank, T* y,
                                    std::int64_t rows, std::int64_t out, Start start) {
  std::int64_t r = 0;
  for (; r + 4 <= rows; r += 4, start.advance(4))
    low_rank_rows<T, 4>(s + r * stride, stride, b, rank, y + r * out, out, start);
  for (; r < rows; ++r, start.advance(1)) low_rank_rows<T, 1>(s + r * stride, stride, b, rank, y + r * out, out, start);
}

DELTASCAPE_INLINE Vector<float> silu(Vector<float> x) { return x / (simd::exponential(-x) + 1.0F); }

// Calls with whole vectors, and the tail through one that is padded with zeros.
template <class Whole>
DELTASCAPE_INLINE void silu_rows(float* gate, const float* up, std::int64_t count, const Whole& whole) {
  constexpr std::int64_t kStep = kLanes<float>;
  std::int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    const Vector<float> value = silu(load(gate + i)) * load(up + i);
    store(gate + i, value);
    whole(i, value);
  }
  if (i == count) return;
  float tail[2][kStep] = {};
  const auto bytes = static_cast<std::size_t>(count - i) * sizeof(float);
  std::memcpy(tail[0], gate + i, bytes);
  std::memcpy(tail[1], up + i, bytes);
  store(tail[0], silu(load(tail[0])) * load(tail[1]));
  std::memcpy(gate + i, tail[0], bytes);
}

}  // namespace

DELTASCAPE_CLONES void rms_norm(const float* x, const float* weight, float* out, std::int64_t rows, std::int64_t width,
                                double eps) {
  rms_norm_rows(x, weight, out, rows, width, eps);
}

DELTASCAPE_CLONES void rms_norm(const double* x, const double* weight, double* out, std::int64_t rows,
                                std::int64_t width, double eps) {
  rms_norm_rows(x, weight, out, rows, width, eps);
}

DELTASCAPE_CLONES bool difference(const float* x, const float* base, bf16* out, std::int64_t count) {
  Bits all = {};
  std::int64_t i = 0;
  for (; i + kLanes<float> <= count; i += kLanes<float>) {
    const Bits bits = bits_of(load(x + i) - load(base + i));
    all |= bits;
    const Halves halves = rounded(bits);
    std::memcpy(out + i, &halves, sizeof halves);
  }
  bool tail = false;
  for (; i < count; ++i) {
    const float d = x[i] - base[i];
    tail |= d != 0;
    out[i] = rounded(d);
  }
  return tail || any(all);
}

DELTASCAPE_CLONES bool rms_norm_difference(const float* x, const float* weight, const float* base, float* out, bf16* d,
                                           std::int64_t width, double eps) {
  const float scale = norm_scale(x, width, eps);
  Bits all = {};
  std::int64_t i = 0;
  for (; i + kLanes<float> <= width; i += kLanes<float>) {
    const Vector<float> value = load(x + i) * scale * load(weight + i);
    store(out + i, value);
    const Bits bits = bits_of(value - load(base + i));
    all |= bits;
    const Halves halves = rounded(bits);
    std::memcpy(d + i, &halves, sizeof halves);
  }
  bool tail = false;
  for (; i < width; ++i) {
    out[i] = x[i] * scale * weight[i];
    tail |= out[i] != base[i];
    d[i] = rounded(out[i] - base[i]);
  }
  return tail || any(all);
}

DELTASCAPE_CLONES void add_moved(const float* base, const bf16* moved, const float* s, std::int64_t stride,
                                 const float* b, std::int64_t rank, float* y, std::int64_t rows, std::int64_t out) {
  if (base == nullptr) low_rank_all(s, stride, b, rank, y, rows, out, Widened{moved, out});
  else if (moved != nullptr) low_rank_all(s, stride, b, rank, y, rows, out, Moved{base, moved, out});
  else low_rank_all(s, stride, b, rank, y, rows, out, Base<float>{base, out});
}

DELTASCAPE_CLONES void add_low_rank(const double* s, std::int64_t stride, const double* b, std::int64_t rank, double* y,
                                    std::int64_t rows, std::int64_t out) {
  low_rank_all(s, stride, b, rank, y, rows, out, Base<double>{y, out});
}

DELTASCAPE_CLONES void silu_gate(float* gate, const float* up, std::int64_t count) {
  silu_rows(gate, up, count, [](std::int64_t, Vector<float>) DELTASCAPE_INLINED {});
}

DELTASCAPE_CLONES bool silu_gate_difference(float* gate, const float* up, const float* base, bf16* d,
                                            std::int64_t count) {
  Bits all = {};
  silu_rows(gate, up, count, [&](std::int64_t i, Vector<float> value) DELTASCAPE_INLINED {
    const Bits bits = bits_of(value - load(base + i));
    all |= bits;
    const Halves halves = rounded(bits);
    std::memcpy(d + i, &halves, sizeof halves);
  });
  const std::int64_t rest = count - count % kLanes<float>;
  bool tail = false;
  for (std::int64_t i = rest; i < count; ++i) {
    tail |= gate[i] != base[i];
    d[i] = rounded(gate[i] - base[i]);
  }
  return tail || any(all);
}

}  // namespace deltascape::engine::kernels
