// mf_erf_f32
// requires: mf_exp_f32
// SPDX-License-Identifier: Apache-2.0
//
// The error function. Below 0.92 an odd polynomial; above, 1 - exp(-x^2) q with q = erfcx(x), a
// polynomial in (x - 2.0) / (x + 2.0). Error below 1.2 ULP.

__attribute__((always_inline)) static inline float mf_erf_f32(float x) {
  const float size = __builtin_fabsf(x);
  const float z = x * x;
  float p = 8.34517487e-05f;
  p = p * z - 0.000813742459f;
  p = p * z + 0.00520063285f;
  p = p * z - 0.0268592704f;
  p = p * z + 0.112836942f;
  p = p * z - 0.376126349f;
  p = p * z + 0.128379166f;
  const float small = p * x + x;
  // From 3.95 on the result rounds to 1.
  const float bounded = size > 3.95f ? 3.95f : size;
  const float v = (bounded - 2.0f) / (bounded + 2.0f);
  float q = 0.0071596764f;
  q = q * v + 0.00368573912f;
  q = q * v - 0.0789991841f;
  q = q * v + 0.24165608f;
  q = q * v - 0.427185863f;
  q = q * v + 0.255395681f;
  const float large = 1.0f - mf_exp_f32(-(bounded * bounded)) * q;
  return size < 0.92f ? small : __builtin_copysignf(large, x);
}
