// mf_tanh_f64
// requires: mf_expm1_f64
// SPDX-License-Identifier: Apache-2.0
//
// tanh(x) = t / (t + 2) with t = exp(2 |x|) - 1, which keeps small arguments accurate. Error below
// 2.5 ULP.

__attribute__((always_inline)) static inline double mf_tanh_f64(double x) {
  const double size = __builtin_fabs(x);
  const double bounded = size > 20.0 ? 20.0 : size;
  const double t = mf_expm1_f64(2.0 * bounded);
  return __builtin_copysign(t / (t + 2.0), x);
}
