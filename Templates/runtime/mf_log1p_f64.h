// mf_log1p_f64
// requires: mf_log_f64
// SPDX-License-Identifier: Apache-2.0
//
// log(1 + x): the logarithm of the rounded sum, and the part of x that the rounding lost. Error
// below 1.5 ULP.

__attribute__((always_inline)) static inline double mf_log1p_f64(double x) {
  const double sum = 1.0 + x;
  const double lost = x - (sum - 1.0);
  const double result = mf_log_f64(sum) + lost / sum;
  return ((sum > 0.0) & (sum < __builtin_inf())) ? result : mf_log_f64(sum);
}
