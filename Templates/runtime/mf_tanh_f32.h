// mf_tanh_f32
// requires: mf_expm1_f32
// SPDX-License-Identifier: Apache-2.0
//
// tanh(x) = t / (t + 2) with t = exp(2 |x|) - 1, which keeps small arguments accurate. Error below
// 2.5 ULP.

__attribute__((always_inline)) static inline float mf_tanh_f32(float x) {
  const float size = __builtin_fabsf(x);
  const float bounded = size > 10.0f ? 10.0f : size;
  const float t = mf_expm1_f32(2.0f * bounded);
  return __builtin_copysignf(t / (t + 2.0f), x);
}
