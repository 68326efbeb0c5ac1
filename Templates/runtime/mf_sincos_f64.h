// mf_sincos_f64
// requires: mf_fused_f64 mf_sincos_reduced_f64
// SPDX-License-Identifier: Apache-2.0
//
// Sine of x + quadrant * pi/2; mf_sin_f64 and mf_cos_f64 are its quadrants 0 and 1. The argument
// is reduced by pi/2 in three parts, by fused multiply-adds, which is exact enough for |x| <= 2^50.
// Error below 1.5 ULP. Beyond, see mf_sincos_far_f64; NaN for infinities.

__attribute__((always_inline)) static inline double mf_sincos_f64(double x, uint64_t quadrant) {
  // Adding 1.5 * 2^52 rounds to an integer, whose lowest bits are those of the sum.
  const double shifted = mf_fused_f64(x, 0x1.45f306dc9c883p-1, 0x1.8p52);
  const double n = shifted - 0x1.8p52;
  uint64_t turns;
  __builtin_memcpy(&turns, &shifted, sizeof turns);
  turns += quadrant;
  const double near = mf_fused_f64(n, -0x1.921fb54442d18p0, x);
  const double nearer = mf_fused_f64(n, -0x1.1a62633145c07p-54, near);
  const double r = mf_fused_f64(n, 0x1.f1976b7ed8fbcp-110, nearer);
  return mf_sincos_reduced_f64(r, turns);
}
