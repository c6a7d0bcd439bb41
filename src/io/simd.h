// Owns the choice, at run time, between a loop built for AVX2 and the same loop built for every machine.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#define DELTASCAPE_AVX2 __attribute__((target("avx2,f16c")))
#else
#define DELTASCAPE_AVX2
#endif
#define DELTASCAPE_INLINE inline __attribute__((always_inline))

namespace deltascape::io {

inline bool has_avx2() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;  // Clang 14's __builtin_cpu_supports does not know f16c
    return __builtin_cpu_supports("avx2") && __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
  }();
  return has;
#else
  return false;
#endif
}

// The loop's body is inlined into a function of its own for each machine. No FMA: contraction changes results.
template <class Loop>
DELTASCAPE_AVX2 void run_avx2(const Loop& loop) {
  loop();
}
template <class Loop>
void run_widest(const Loop& loop) {
  if (has_avx2()) run_avx2(loop);
  else loop();
}

}  // namespace deltascape::io
