// mf_acosh_f32, mf_acosh_f64
// requires: mf_log1p_f32 mf_log_f32
// SPDX-License-Identifier: Apache-2.0
//
// The inverse hyperbolic cosine of 1 and above, log(x + sqrt(x^2 - 1)), else NaN: exact near 1,
// without overflow for large x. Error below 4 ULP.

__attribute__((always_inline)) static inline float mf_acosh_f32(float x) {
  const float above = x - 1.0f;
  const float near =
      mf_log1p_f32(above + __builtin_sqrtf(above) * __builtin_sqrtf(x + 1.0f));
  const float far = mf_log_f32(x) + 0.6931471805599453f;
  return x > 0x1p30f ? far : near;
}
