// mf_logistic_f64
// requires: mf_exp_f64
// SPDX-License-Identifier: Apache-2.0
//
// 1 / (1 + exp(-x)), from the exponential of a number that is not positive, so it never overflows.
// Error below 3 ULP.

__attribute__((always_inline)) static inline double mf_logistic_f64(double x) {
  const double e = mf_exp_f64(-__builtin_fabs(x));
  const double r = 1.0 / (1.0 + e);
  return x < 0 ? e * r : r;
}
