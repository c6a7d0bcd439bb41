#include "exec/attention_kernel.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "exec/simd.h"

namespace deltascape::engine::kernels {
namespace {

using simd::kLanes;
using simd::load;
using simd::store;
using simd::Vector;

constexpr std::int64_t kQueries = 4;  // run together: they share what is read of keys and values

template <class T>
DELTASCAPE_INLINE void rotated(const AttentionShape& shape, const T* x, const T* cos, const T* sin, T* out,
                               std::int64_t step) {
  const std::int64_t half = shape.turned / 2;
  for (std::int64_t i = 0; i < shape.offset; ++i) out[i * step] = x[i];
  for (std::int64_t i = shape.offset + shape.turned; i < shape.dim; ++i) out[i * step] = x[i];
  x += shape.offset, out += shape.offset * step;
  if (shape.interleaved) {
    for (std::int64_t i = 0; i < half; ++i) {
      out[2 * i * step] = x[2 * i] * cos[i] - x[2 * i + 1] * sin[i];
      out[(2 * i + 1) * step] = x[2 * i + 1] * cos[i] + x[2 * i] * sin[i];
    }
    return;
  }
  for (std::int64_t i = 0; i < half; ++i) {
    out[i * step] = x[i] * cos[i] - x[half + i] * sin[i];
    out[(half + i) * step] = x[half + i] * cos[i] + x[i] * sin[i];
  }
}

// Where this sequence's pieces lie in the scratch buffer. Keys are transposed, [dim, padded]; everything is padded to
// whole vectors with zeros.
template <class T>
struct Scratch {
  std::int64_t padded, values_padded;
  T *keys, *values, *query, *scores, *result;
};

template <class T>
DELTASCAPE_INLINE void scores_of(const Scratch<T>& s, std::int64_t dim, std::int64_t from, std::int64_t to, T scale) {
  for (std::int64_t j = from; j < to; j += kLanes<T>) {
    Vector<T> sum[kQueries] = {};
    for (std::int64_t c = 0; c < dim; ++c) {
      const Vector<T> key = load(s.keys + c * s.padded + j);
      for (std::int64_t r = 0; r < kQueries; ++r) sum[r] += key * s.query[r * dim + c];
    }
    for (std::int64_t r = 0; r < kQueries; ++r) store(s.scores + r * s.padded + j, sum[r] * scale);
  }
}

// Softmax over the keys in [low, high) of one query; the others of [from, to) become 0. Returns the sum, to which a
// sink adds its part.
template <class T>
DELTASCAPE_INLINE T softmax(T* scores, std::int64_t from, std::int64_t to, std::int64_t low, std::int64_t high,
                            T softcap, const T* bias, const T* sink) {
  if (softcap > 0)
    for (std::int64_t j = low; j < high; ++j) scores[j] = softcap * std::tanh(scores[j] / softcap);
  if (bias != nullptr)
    for (std::int64_t j = low; j < high; ++j) scores[j] += bias[j];
  T most = sink != nullptr && *sink > scores[low] ? *sink : scores[low];
  for (std::int64_t j = low; j < high; ++j) most = scores[j] > most ? scores[j] : most;
  for (std::int64_t j = from; j < to; j += kLanes<T>) store(scores + j, simd::exponential(load(scores + j) - most));
  for (std::int64_t j = from; j < low; ++j) scores[j] = 0;
  for (std::int64_t j = high; j < to; ++j) scores[j] = 0;
  Vector<T> sum = {};
  for (std::int64_t j = from; j < to; j += kLanes<T>) sum += load(scores + j);
  return sink != nullptr ? simd::sum<T>(sum) + std::exp(*sink - most) : simd::sum<T>(sum);
}

template <class T>
DELTASCAPE_INLINE void weigh(const Scratch<T>& s, std::int64_t from, std::int64_t to) {
  for (std::int64_t c = 0; c < s.values_padded; c += kLanes<T>) {
    Vector<T> sum[kQueries] = {};
    for (std::int64_t j = from; j < to; ++j) {
      const Vector<T> value = load(s.values + j * s.values_padded + c);
      for (std::int64_t r = 0; r < kQueries; ++r) sum[r] += value * s.scores[r * s.padded + j];
    }
    for (std::int64_t r = 0; r < kQueries; ++r) store(s.result + r * s.values_padded + c, sum[r]);
  }
}

template <class T>
DELTASCAPE_INLINE void attend_all(const AttentionShape& shape, std::int64_t first, const Head<T>& head,
                                  const Scratch<T>& s) {
  const std::int64_t keys = shape.keys, dim = shape.dim, values = shape.values, half = shape.turned / 2;
  const std::int64_t prefix = shape.prefix;
  for (std::int64_t j = 0; j < prefix; ++j) {
    for (std::int64_t c = 0; c < dim; ++c) s.keys[c * s.padded + j] = head.prefix_k[j * head.k_stride + c];
    for (std::int64_t c = 0; c < values; ++c) s.values[j * s.values_padded + c] = head.prefix_v[j * head.v_stride + c];
  }
  for (std::int64_t t = 0; t < keys - prefix; ++t) {
    const std::int64_t j = prefix + t;
    rotated(shape, head.k + t * head.k_stride, head.cos + t * half, head.sin + t * half, s.keys + j, s.padded);
    for (std::int64_t c = 0; c < values; ++c) s.values[j * s.values_padded + c] = head.v[t * head.v_stride + c];
  }
  for (std::int64_t h = 0; h < shape.share; ++h) {
    const T* bias = head.bias != nullptr ? head.bias + h * head.bias_stride : nullptr;
    for (std::int64_t i = first; i < keys; i += kQueries) {
      const std::int64_t last = i + kQueries < keys ? i + kQueries : keys;  // one behind the block's last query
      const auto lowest = [&](std::int64_t query) DELTASCAPE_INLINED {
        const std::int64_t windowed = shape.window > 0 && query - shape.window + 1 > 0 ? query - shape.window + 1 : 0;
        const std::int64_t own = shape.chunk > 0 ? query / shape.chunk * shape.chunk : 0;  // the chunk's first key
        return windowed > own ? windowed : own;
      };
      const std::int64_t from = lowest(i) / kLanes<T> * kLanes<T>;
      const std::int64_t seen = shape.causal ? last : keys;  // one behind the block's last key
      const std::int64_t to = (seen + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
      for (std::int64_t r = 0; r < kQueries; ++r) {
        const std::int64_t query = i + r < last ? i + r : last - 1;  // the end repeats its last query
        const std::int64_t turn = (query - prefix) * half;
        rotated(shape, head.q + (query - first) * head.q_stride + h * dim, head.cos + turn, head.sin + turn,
                s.query + r * dim, 1);
      }
      scores_of(s, dim, from, to, static_cast<T>(shape.scale));
      T sums[kQueries];
      for (std::int64_t r = 0; r < kQueries; ++r) {
        const std::int64_t query = i + r < last ? i + r : last - 1;
        sums[r] = softmax(s.scores + r * s.padded, from, to, lowest(query), shape.causal ? query + 1 : keys,
                          static_cast<T>(shape.softcap), bias != nullptr ? bias - query * head.bias_step : nullptr,
                          head.sinks != nullptr ? head.sinks + h : nullptr);
      }
      weigh(s, from, seen);
      for (std::int64_t query = i; query < last; ++query) {
        const T* result = s.result + (query - i) * s.values_padded;
        T* out = head.out + (query - first) * head.out_stride + h * values;
        for (std::int64_t c = 0; c < values; ++c) out[c] = result[c] / sums[query - i];
      }
    }
  }
}

template <class T>
Scratch<T> prepare(const AttentionShape& shape, std::vector<T>& buffer) {
  const auto whole = [](std::int64_t n) { return (n + kLanes<T> - 1) / kLanes<T> * kLanes<T>; };
  Scratch<T> s{};
  s.padded = whole(shape.keys);
  s.values_padded = whole(shape.values);
  const std::int64_t parts[] = {shape.dim * s.padded, s.padded * s.values_padded, kQueries * shape.dim,
                                kQueries * s.padded, kQueries * s.values_padded};
  std::int64_t total = 0;
  for (const std::int64_t part : parts) total += part;
  buffer.assign(static_cast<std::size_t>(total), T(0));
  T* at = buffer.data();
  T** places[] = {&s.keys, &s.values, &s.query, &s.scores, &s.result};
  for (std::size_t p = 0; p < std::size(parts); at += parts[p++]) *places[p] = at;
  return s;
}

DELTASCAPE_CLONES void run(const AttentionShape& shape, std::int64_t first, const Head<float>& head,
                           const Scratch<float>& scratch) {
  attend_all(shape, first, head, scratch);
}

DELTASCAPE_CLONES void run(const AttentionShape& shape, std::int64_t first, const Head<double>& head,
                           const Scratch<double>& scratch) {
  attend_all(shape, first, head, scratch);
}

}  // namespace

void attend(const AttentionShape& shape, std::int64_t first, const Head<float>& head, std::vector<float>& scratch) {
  run(shape, first, head, prepare(shape, scratch));
}

void attend(const AttentionShape& shape, std::int64_t first, const Head<double>& head, std::vector<double>& scratch) {
  run(shape, first, head, prepare(shape, scratch));
}

}  // namespace deltascape::engine::kernels
