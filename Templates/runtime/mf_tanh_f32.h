// mf_tanh_f32
// requires: mf_exp_f32
// SPDX-License-Identifier: Apache-2.0
//
// tanh(x): below 0.625 an odd polynomial (Moshier, Cephes 1992), above 1 - 2 / (exp(2 |x|) + 1).
// Error below 1.6 ULP.

__attribute__((always_inline)) static inline float mf_tanh_f32(float x) {
  const float size = __builtin_fabsf(x);
  const float z = x * x;
  float p = -5.70498872745e-03f;
  p = p * z + 2.06390887954e-02f;
  p = p * z - 5.37397155531e-02f;
  p = p * z + 1.33314422036e-01f;
  p = p * z - 3.33332819422e-01f;
  const float near = x + x * (z * p);
  const float bounded = size > 10.0f ? 10.0f : size;
  const float far = 1.0f - 2.0f / (mf_exp_f32(2.0f * bounded) + 1.0f);
  return size < 0.625f ? near : __builtin_copysignf(far, x);
}
