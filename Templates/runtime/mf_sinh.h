// mf_sinh_f32, mf_sinh_f64
// requires: mf_exp_f32 mf_expm1_f32
// SPDX-License-Identifier: Apache-2.0
//
// The hyperbolic sine: by exp(x) - 1, exact near 0; where exp(-x) no longer counts, half of exp(x)
// as a product, which overflows no earlier than the result. Error below 4 ULP.

__attribute__((always_inline)) static inline float mf_sinh_f32(float x) {
  const float size = __builtin_fabsf(x);
  const float e = mf_expm1_f32(size > 22.0f ? 22.0f : size);
  const float root = mf_exp_f32(0.5f * size);
  const float result = size > 22.0f ? (0.5f * root) * root : 0.5f * (e + e / (e + 1.0f));
  return __builtin_copysignf(result, x);
}
