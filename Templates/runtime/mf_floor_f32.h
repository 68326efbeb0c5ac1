// mf_floor_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// The greatest whole number that is not above x. NaN, infinities and zeros stay as they are.

__attribute__((always_inline)) static inline float mf_floor_f32(float x) {
#if defined(__SSE4_1__) || defined(__aarch64__)
  return __builtin_floorf(x);
#else
  // Beside 2^23 there is no room for a fraction: x is rounded to the nearest whole number.
  const float large = __builtin_copysignf(0x1p23f, x);
  const float nearest = x + large - large;
  const float below = nearest > x ? nearest - 1.0f : nearest;
  return __builtin_fabsf(x) < 0x1p23f ? __builtin_copysignf(below, x) : x;
#endif
}
