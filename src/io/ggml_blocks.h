// Owns the layouts of ggml's quantised blocks (ggml-common.h, gguf-py quants.py) and how one block becomes floats.
// Each formula keeps the reference's order of float operations: the values are equal to the last bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "io/float_bits.h"
#include "io/simd.h"

namespace deltascape::io::ggml {

using Byte = std::uint8_t;

DELTASCAPE_INLINE float half_at(const Byte* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return from_f16(bits);
}

// d · (q − 8), q of 4 bits: 16 low nibbles, then 16 high ones.
struct Q4_0 {
  static constexpr std::size_t kElements = 32, kBytes = 18;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const float d = half_at(block);
    const Byte* q = block + 2;
    for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>((q[i] & 15) - 8);
    for (int i = 0; i < 16; ++i) out[16 + i] = d * static_cast<float>((q[i] >> 4) - 8);
  }
};

// d · q + m
struct Q4_1 {
  static constexpr std::size_t kElements = 32, kBytes = 20;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const float d = half_at(block), m = half_at(block + 2);
    const Byte* q = block + 4;
    for (int i = 0; i < 16; ++i) out[i] = d * static_cast<float>(q[i] & 15) + m;
    for (int i = 0; i < 16; ++i) out[16 + i] = d * static_cast<float>(q[i] >> 4) + m;
  }
};

// The fifth bit of element i is bit i of a 32-bit word.
DELTASCAPE_INLINE void five_bits(const Byte* high, const Byte* q, int* out) {
  std::uint32_t word;
  std::memcpy(&word, high, sizeof word);
  for (int i = 0; i < 16; ++i) out[i] = static_cast<int>((q[i] & 15u) | (((word >> i) & 1u) << 4));
  for (int i = 0; i < 16; ++i) out[16 + i] = static_cast<int>((q[i] >> 4) | (((word >> (16 + i)) & 1u) << 4));
}

struct Q5_0 {
  static constexpr std::size_t kElements = 32, kBytes = 22;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const float d = half_at(block);
    int q[32];
    five_bits(block + 2, block + 6, q);
    for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(q[i] - 16);
  }
};

struct Q5_1 {
  static constexpr std::size_t kElements = 32, kBytes = 24;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const float d = half_at(block), m = half_at(block + 2);
    int q[32];
    five_bits(block + 4, block + 8, q);
    for (int i = 0; i < 32; ++i) out[i] = d * static_cast<float>(q[i]) + m;
  }
};

struct Q8_0 {
  static constexpr std::size_t kElements = 32, kBytes = 34;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const float d = half_at(block);
    for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<std::int8_t>(block[2 + i])) * d;
  }
};

// d · value[q]: a table of values that are dense near 0.
struct IQ4_NL {
  static constexpr std::size_t kElements = 32, kBytes = 18;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    constexpr float kValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    const float d = half_at(block);
    const Byte* q = block + 2;
    for (int i = 0; i < 16; ++i) out[i] = d * kValues[q[i] & 15];
    for (int i = 0; i < 16; ++i) out[16 + i] = d * kValues[q[i] >> 4];
  }
};

// 16 groups of 16, each (d·scale)·q − (dmin·min), scale and min of 4 bits.
struct Q2_K {
  static constexpr std::size_t kElements = 256, kBytes = 84;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const Byte* scales = block;
    const Byte* q = block + 16;
    const float d = half_at(block + 80), dmin = half_at(block + 82);
    for (int group = 0; group < 16; ++group) {
      const float dl = d * static_cast<float>(scales[group] & 15);
      const float ml = dmin * static_cast<float>(scales[group] >> 4);
      // 32 bytes hold four runs of 32 elements, two bits each.
      const Byte* bytes = q + 32 * (group / 8) + 16 * (group % 2);
      const int shift = 2 * (group % 8 / 2);
      for (int i = 0; i < 16; ++i) out[16 * group + i] = dl * static_cast<float>((bytes[i] >> shift) & 3) - ml;
    }
  }
};

// 16 groups of 16: d·(scale − 32)·(q − 4·[mask bit is clear]).
struct Q3_K {
  static constexpr std::size_t kElements = 256, kBytes = 110;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const Byte* mask = block;
    const Byte* q = block + 32;
    const Byte* packed = block + 96;
    const float d = half_at(block + 108);
    for (int group = 0; group < 16; ++group) {
      const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
      const int high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
      const float dl = d * static_cast<float>((low | (high << 4)) - 32);
      const Byte* bytes = q + 32 * (group / 8) + 16 * (group % 2);
      const Byte* bits = mask + 16 * (group % 2);
      const int shift = 2 * (group % 8 / 2), bit = group / 2;
      for (int i = 0; i < 16; ++i) {
        const int value = ((bytes[i] >> shift) & 3) - ((((bits[i] >> bit) & 1) ^ 1) << 2);
        out[16 * group + i] = dl * static_cast<float>(value);
      }
    }
  }
};

// The 6-bit scale and minimum of group j of 8, packed in 12 bytes.
DELTASCAPE_INLINE void scale_and_min(const Byte* packed, int j, int& scale, int& min) {
  if (j < 4) {
    scale = packed[j] & 63;
    min = packed[4 + j] & 63;
  } else {
    scale = (packed[4 + j] & 15) | ((packed[j - 4] >> 2) & 0x30);
    min = (packed[4 + j] >> 4) | ((packed[j] >> 2) & 0x30);
  }
}

// 8 groups of 32, each (d·scale)·q − (dmin·min).
struct Q4_K {
  static constexpr std::size_t kElements = 256, kBytes = 144;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const float d = half_at(block), dmin = half_at(block + 2);
    for (int group = 0; group < 8; ++group) {
      int scale, min;
      scale_and_min(block + 4, group, scale, min);
      const float dl = d * static_cast<float>(scale), ml = dmin * static_cast<float>(min);
      const Byte* q = block + 16 + 32 * (group / 2);
      const int shift = 4 * (group % 2);
      for (int i = 0; i < 32; ++i) out[32 * group + i] = dl * static_cast<float>((q[i] >> shift) & 15) - ml;
    }
  }
};

struct Q5_K {
  static constexpr std::size_t kElements = 256, kBytes = 176;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const float d = half_at(block), dmin = half_at(block + 2);
    const Byte* high = block + 16;
    for (int group = 0; group < 8; ++group) {
      int scale, min;
      scale_and_min(block + 4, group, scale, min);
      const float dl = d * static_cast<float>(scale), ml = dmin * static_cast<float>(min);
      const Byte* q = block + 48 + 32 * (group / 2);
      const int shift = 4 * (group % 2);
      for (int i = 0; i < 32; ++i) {
        const int value = ((q[i] >> shift) & 15) | (((high[i] >> group) & 1) << 4);
        out[32 * group + i] = dl * static_cast<float>(value) - ml;
      }
    }
  }
};

// 16 groups of 16: (d·scale)·(q − 32), q of 6 bits, scale a signed byte.
struct Q6_K {
  static constexpr std::size_t kElements = 256, kBytes = 210;
  static DELTASCAPE_INLINE void decode(const Byte* block, float* out) {
    const Byte* high = block + 128;
    const Byte* scales = block + 192;
    const float d = half_at(block + 208);
    for (int run = 0; run < 8; ++run) {  // of 32 elements
      const Byte* q = block + 64 * (run / 4) + 32 * (run % 2);
      const Byte* h = high + 32 * (run / 4);
      const int low_shift = 4 * (run % 4 / 2), high_shift = 2 * (run % 4);
      for (int half = 0; half < 2; ++half) {
        const float dl = d * static_cast<float>(static_cast<std::int8_t>(scales[2 * run + half]));
        for (int i = 16 * half; i < 16 * half + 16; ++i) {
          const int value = ((q[i] >> low_shift) & 15) | (((h[i] >> high_shift) & 3) << 4);
          out[32 * run + i] = dl * static_cast<float>(value - 32);
        }
      }
    }
  }
};

}  // namespace deltascape::io::ggml
