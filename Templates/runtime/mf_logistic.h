// mf_logistic_f32, mf_logistic_f64
// requires: mf_exp_f32
// SPDX-License-Identifier: Apache-2.0
//
// 1 / (1 + exp(-x)), from the exponential of a number that is not positive, so it never overflows.
// Error below 3 ULP.

__attribute__((always_inline)) static inline float mf_logistic_f32(float x) {
  const float e = mf_exp_f32(-__builtin_fabsf(x));
  const float r = 1.0f / (1.0f + e);
  return x < 0 ? e * r : r;
}
