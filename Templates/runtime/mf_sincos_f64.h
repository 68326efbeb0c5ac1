// mf_sincos_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Sine of x + quadrant * pi/2; mf_sin_f64 and mf_cos_f64 are its quadrants 0 and 1. The argument
// is reduced by pi/2 in three parts; with fused multiply-adds this is exact enough for |x| <=
// 2^50. Error below 1.5 ULP. Beyond that, and for infinities, the result is NaN.

__attribute__((always_inline)) static inline double mf_sincos_f64(double x, uint64_t quadrant) {
  // Adding 1.5 * 2^52 rounds to an integer, whose lowest bits are those of the sum.
  const double shifted = x * 0x1.45f306dc9c883p-1 + 0x1.8p52;
  const double n = shifted - 0x1.8p52;
  uint64_t turns;
  __builtin_memcpy(&turns, &shifted, sizeof turns);
  turns += quadrant;
  const double near = x - n * 0x1.921fb54442d18p0;
  const double nearer = near - n * 0x1.1a62633145c07p-54;
  const double r = nearer - n * -0x1.f1976b7ed8fbcp-110;
  const double z = r * r;
  double sine = -0x1.aaa46d81024a4p-41;
  sine = sine * z + 0x1.612091042fb49p-33;
  sine = sine * z - 0x1.ae645295a4975p-26;
  sine = sine * z + 0x1.71de3a53376fap-19;
  sine = sine * z - 0x1.a01a01a018acbp-13;
  sine = sine * z + 0x1.111111111110bp-7;
  sine = sine * z - 0x1.5555555555555p-3;
  sine = sine * (z * r) + r;
  double cosine = -0x1.8fad75b5e8198p-37;
  cosine = cosine * z + 0x1.1ee9e9af5b665p-29;
  cosine = cosine * z - 0x1.27e4f806a5a1bp-22;
  cosine = cosine * z + 0x1.a01a019cad201p-16;
  cosine = cosine * z - 0x1.6c16c16c1514dp-10;
  cosine = cosine * z + 0x1.555555555554cp-5;
  cosine = cosine * (z * z) - 0.5 * z + 1.0;
  const double size = (turns & 1) == 0 ? sine : cosine;
  const double result = (turns & 2) == 0 ? size : -size;
  return __builtin_fabs(x) <= 0x1p50 ? result : __builtin_nan("");
}
