// mf_atanh_f32, mf_atanh_f64
// requires: mf_log1p_f32
// SPDX-License-Identifier: Apache-2.0
//
// The inverse hyperbolic tangent of -1 ... 1, log((1 + x) / (1 - x)) / 2, else NaN; exact near 0.
// Error below 4 ULP.

__attribute__((always_inline)) static inline float mf_atanh_f32(float x) {
  const float size = __builtin_fabsf(x);
  return __builtin_copysignf(0.5f * mf_log1p_f32(2.0f * size / (1.0f - size)), x);
}
