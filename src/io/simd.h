// Owns the choice, at run time, between a loop built for AVX2 and the same loop built for every machine.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#define DELTASCAPE_AVX2 __attribute__((target("avx2,f16c")))
#else
#define DELTASCAPE_AVX2
#endif
#define DELTASCAPE_INLINE inline __attribute__((always_inline))

namespace deltascape::io {

inline bool has_avx2() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
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
