// mf_sin_f32
// requires: mf_sincos_f32
// SPDX-License-Identifier: Apache-2.0
//
// The sine of x in radians, |x| <= 2^22; beyond, see mf_sin_far_f32. Error below 2 ULP.

__attribute__((always_inline)) static inline float mf_sin_f32(float x) {
  return mf_sincos_f32(x, 0);
}
