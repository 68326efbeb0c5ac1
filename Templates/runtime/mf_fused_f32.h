// mf_fused_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// a * b + c as if rounded once, for what lives by that: one instruction where there is one, else
// through f64, where the product is exact.

__attribute__((always_inline)) static inline float mf_fused_f32(float a, float b, float c) {
#if defined(__FMA__) || defined(__FMA4__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return (float)((double)a * (double)b + (double)c);
#endif
}
