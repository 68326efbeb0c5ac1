// mf_floor_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// The greatest whole number that is not above x. NaN, infinities and zeros stay as they are.

__attribute__((always_inline)) static inline double mf_floor_f64(double x) {
#if defined(__SSE4_1__) || defined(__aarch64__)
  return __builtin_floor(x);
#else
  // Beside 2^52 there is no room for a fraction: x is rounded to the nearest whole number.
  const double large = __builtin_copysign(0x1p52, x);
  const double nearest = x + large - large;
  const double below = nearest > x ? nearest - 1.0 : nearest;
  return __builtin_fabs(x) < 0x1p52 ? __builtin_copysign(below, x) : x;
#endif
}
