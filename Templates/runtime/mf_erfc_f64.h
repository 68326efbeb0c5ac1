// mf_erfc_f64
// requires: mf_exp_f64 mf_fused_f64
// SPDX-License-Identifier: Apache-2.0
//
// The complementary error function 1 - erf(x), accurate in its tail: exp(-x^2) p / (1 + 2 |x|),
// where p is a polynomial in (|x| - 4) / (|x| + 4); 2 minus that for negative x. What rounding
// lost of x^2 is put back. Error below 7 ULP.

__attribute__((always_inline)) static inline double mf_erfc_f64(double x) {
  const double size = __builtin_fabs(x);
  // From 27.3 on the result rounds to 0.
  const double bounded = size > 27.3 ? 27.3 : size;
  const double v = (bounded - 4.0) / (bounded + 4.0);
  double p = -0x1.0626456b70a63p-29;
  p = p * v - 0x1.df6a3bbd3284dp-27;
  p = p * v - 0x1.0be03255238bap-27;
  p = p * v + 0x1.f21c932821bedp-24;
  p = p * v + 0x1.0fb74e14bdddap-24;
  p = p * v - 0x1.c0a82ad87a1dcp-21;
  p = p * v + 0x1.42c5c198c77c3p-22;
  p = p * v + 0x1.7fbba4a402205p-18;
  p = p * v - 0x1.789ff2a44fd81p-17;
  p = p * v - 0x1.996ac6b89d1b4p-16;
  p = p * v + 0x1.3be0993db7d2ep-13;
  p = p * v - 0x1.a1de802bc1fefp-13;
  p = p * v - 0x1.8d4a9c34a6822p-11;
  p = p * v + 0x1.49c671934a7d6p-8;
  p = p * v - 0x1.0962388529349p-6;
  p = p * v + 0x1.3079edf9ddac4p-5;
  p = p * v - 0x1.0fb06dfe3d76bp-4;
  p = p * v + 0x1.7fee004df81b2p-4;
  p = p * v - 0x1.9ddb23c3e9eb3p-4;
  p = p * v + 0x1.16ecefcfa5f6bp-4;
  p = p * v + 0x1.f7f5df66fda1bp-7;
  p = p * v - 0x1.1df1ad154a29bp-3;
  p = p * v + 0x1.3ba5916e9fd7fp+0;
  const double square = bounded * bounded;
  const double lost = mf_fused_f64(bounded, bounded, -square);
  const double scale = p / (1.0 + 2.0 * bounded);
  const double result = mf_exp_f64(-square) * (scale - scale * lost);
  return x < 0.0 ? 2.0 - result : result;
}
