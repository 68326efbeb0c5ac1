// mf_sin_f64
// requires: mf_sincos_f64
// SPDX-License-Identifier: Apache-2.0
//
// The sine of x in radians, |x| <= 2^50; beyond, see mf_sin_far_f64. Error below 1.5 ULP.

__attribute__((always_inline)) static inline double mf_sin_f64(double x) {
  return mf_sincos_f64(x, 0);
}
