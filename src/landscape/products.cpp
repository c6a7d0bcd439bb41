// A product reads each panel once from the level-2 cache and keeps a piece of two panels in the level-1 cache: about 70
// % of what a core's float64 multiply-adds can do. Eigen without -march=native, which this project does not build with,
// runs at a fifth of that.
#include "landscape/products.h"

#include <algorithm>
#include <cstring>

#include "landscape/parallel.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define DELTASCAPE_X86 1
#endif
#define DELTASCAPE_INLINE inline __attribute__((always_inline))
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed between inlined functions alone

namespace deltascape::landscape {
namespace {

constexpr std::size_t kDepth = 192;  // columns of two panels that stay in the level-1 cache: 24 KB
constexpr std::size_t kTileColumns = 256;

typedef double Double8 __attribute__((vector_size(64)));
typedef double Double4 __attribute__((vector_size(32)));
typedef double Double2 __attribute__((vector_size(16)));
typedef float Float4 __attribute__((vector_size(16)));

template <class Vector, class Value>
DELTASCAPE_INLINE Vector load(const Value* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

// Adds the products of kPanel rows with kPanel rows over `depth` columns to out, kRows rows at a time: as many sums as
// the registers hold.
template <class Vector, std::size_t kRows>
DELTASCAPE_INLINE void multiply_panels(const double* left, const double* right, std::size_t depth, double* out,
                                       std::size_t stride) {
  constexpr std::size_t kLanes = sizeof(Vector) / sizeof(double), kVectors = kPanel / kLanes;
  for (std::size_t first = 0; first < kPanel; first += kRows) {
    Vector sums[kRows][kVectors];
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = load<Vector>(out + (first + r) * stride + v * kLanes);
    for (std::size_t k = 0; k < depth; ++k) {
      Vector columns[kVectors];
      for (std::size_t v = 0; v < kVectors; ++v) columns[v] = load<Vector>(right + k * kPanel + v * kLanes);
      for (std::size_t r = 0; r < kRows; ++r)
        for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] += left[k * kPanel + first + r] * columns[v];
    }
    for (std::size_t r = 0; r < kRows; ++r)
      for (std::size_t v = 0; v < kVectors; ++v)
        std::memcpy(out + (first + r) * stride + v * kLanes, &sums[r][v], sizeof(Vector));
  }
}

template <class Vector, std::size_t kRows>
DELTASCAPE_INLINE void multiply(const Panels& left, const Panels& right, double* out) {
  const std::size_t width = left.width(), stride = right.padded();
  for (std::size_t k = 0; k < width; k += kDepth)
    for (std::size_t j = 0; j < right.padded(); j += kPanel)
      for (std::size_t i = 0; i < left.padded(); i += kPanel)
        multiply_panels<Vector, kRows>(left.data() + i * width + k * kPanel, right.data() + j * width + k * kPanel,
                                       std::min(kDepth, width - k), out + i * stride + j, stride);
}

struct Strip {  // of rows to be interleaved
  const float* rows[kPanel];
  double scales[kPanel];
  std::size_t count = 0;
  const double* shift = nullptr;
  std::size_t width = 0;
  double* out = nullptr;
};

// The rows side by side, four rows and four columns at a time; rows that are not there are zeros.
DELTASCAPE_INLINE void interleave(const Strip& s) {
  for (std::size_t k = 0; k < s.width; k += 4) {
    const Double4 shift = s.shift ? load<Double4>(s.shift + k) : Double4{};
    for (std::size_t first = 0; first < kPanel; first += 4) {
      Double4 x[4] = {};
      for (std::size_t r = 0; r < 4; ++r)
        if (first + r < s.count)
          x[r] = __builtin_convertvector(load<Float4>(s.rows[first + r] + k), Double4) * s.scales[first + r] - shift;
      const Double4 low0 = __builtin_shufflevector(x[0], x[1], 0, 4, 2, 6),
                    high0 = __builtin_shufflevector(x[0], x[1], 1, 5, 3, 7),
                    low1 = __builtin_shufflevector(x[2], x[3], 0, 4, 2, 6),
                    high1 = __builtin_shufflevector(x[2], x[3], 1, 5, 3, 7);
      const Double4 columns[4] = {
          __builtin_shufflevector(low0, low1, 0, 1, 4, 5), __builtin_shufflevector(high0, high1, 0, 1, 4, 5),
          __builtin_shufflevector(low0, low1, 2, 3, 6, 7), __builtin_shufflevector(high0, high1, 2, 3, 6, 7)};
      for (std::size_t c = 0; c < 4; ++c) std::memcpy(s.out + (k + c) * kPanel + first, &columns[c], sizeof(Double4));
    }
  }
}

#ifdef DELTASCAPE_X86
__attribute__((target("avx512f"))) void multiply_avx512(const Panels& left, const Panels& right, double* out) {
  multiply<Double8, 8>(left, right, out);
}
__attribute__((target("avx2,fma"))) void multiply_avx2(const Panels& left, const Panels& right, double* out) {
  multiply<Double4, 4>(left, right, out);
}
__attribute__((target("avx512f"))) void interleave_avx512(const Strip& s) { interleave(s); }
__attribute__((target("avx2,fma"))) void interleave_avx2(const Strip& s) { interleave(s); }
#endif
void multiply_plain(const Panels& left, const Panels& right, double* out) { multiply<Double2, 2>(left, right, out); }
void interleave_plain(const Strip& s) { interleave(s); }

struct Kernels {
  void (*multiply)(const Panels&, const Panels&, double*) = multiply_plain;
  void (*interleave)(const Strip&) = interleave_plain;
};

Kernels kernels_of_this_processor() {
#ifdef DELTASCAPE_X86
  if (__builtin_cpu_supports("avx512f")) return {multiply_avx512, interleave_avx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {multiply_avx2, interleave_avx2};
#endif
  return {};
}

const Kernels& kernels() {
  static const Kernels chosen = kernels_of_this_processor();
  return chosen;
}

}  // namespace

void Panels::resize(std::size_t count, std::size_t width) {
  count_ = count;
  width_ = width;
  if (padded() * width <= capacity_) return;
  capacity_ = padded() * width;
  data_ = std::make_unique_for_overwrite<double[]>(capacity_);
}

void Panels::pack(const Rows& rows, Which which) {
  resize(which.size(), rows.width);
  Strip strip{.rows = {}, .scales = {}, .shift = rows.shift.empty() ? nullptr : rows.shift.data(), .width = width_};
  for (std::size_t first = 0; first < which.size(); first += kPanel) {
    strip.count = std::min(kPanel, which.size() - first);
    for (std::size_t r = 0; r < strip.count; ++r) {
      strip.rows[r] = rows.row(which[first + r]);
      strip.scales[r] = rows.scale[which[first + r]];
    }
    strip.out = data_.get() + first * width_;
    kernels().interleave(strip);
  }
}

void Panels::pack(std::span<const double> values, std::size_t count, std::size_t width) {
  resize(count, width);
  std::fill_n(data_.get(), padded() * width, 0.0);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < width; ++k)
      data_[(i / kPanel * width + k) * kPanel + i % kPanel] = values[i * width + k];
}

void products(const Panels& left, const Panels& right, std::vector<double>& out) {
  out.assign(left.padded() * right.padded(), 0.0);
  kernels().multiply(left, right, out.data());
}

namespace {

// The tiles of the rows lefts[first] to lefts[last - 1].
void tiles_of(const Rows& rows, Which lefts, std::size_t first, std::size_t last, Which rights, const UseTile& use) {
  thread_local Panels left, right;  // use() has no tiles of its own
  thread_local std::vector<double> values;
  left.pack(rows, lefts.subspan(first, last - first));
  for (std::size_t j = 0; j < rights.size(); j += kTileColumns) {
    const std::size_t count = std::min(kTileColumns, rights.size() - j);
    right.pack(rows, rights.subspan(j, count));
    products(left, right, values);
    use({.first_row = first,
         .rows = last - first,
         .first_column = j,
         .columns = count,
         .values = values.data(),
         .stride = right.padded(),
         .last = j + count == rights.size()});
  }
}

}  // namespace

void for_each_tile(const Rows& rows, Which lefts, Which rights, const UseTile& use) {
  parallel_blocks(lefts.size(), kTileRows,
                  [&](std::size_t first, std::size_t last) { tiles_of(rows, lefts, first, last, rights, use); });
}

void for_each_tile_here(const Rows& rows, Which lefts, Which rights, const UseTile& use) {
  for (std::size_t first = 0; first < lefts.size(); first += kTileRows)
    tiles_of(rows, lefts, first, std::min(lefts.size(), first + kTileRows), rights, use);
}

void for_each_lower_tile(const Rows& rows, const UseTile& use) {
  const std::vector<std::size_t> all = all_of(rows);
  parallel_blocks(rows.count, kTileRows, [&](std::size_t first, std::size_t last) {
    tiles_of(rows, all, first, last, Which(all).first(last), use);
  });
}

}  // namespace deltascape::landscape
