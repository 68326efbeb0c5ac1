// mf_erf_f64
// requires: mf_exp_f64
// SPDX-License-Identifier: Apache-2.0
//
// The error function. Below 1.0 an odd polynomial; above, 1 - exp(-x^2) q with q = erfcx(x), a
// polynomial in (x - 2.5) / (x + 2.5). Error below 1.5 ULP.

__attribute__((always_inline)) static inline double mf_erf_f64(double x) {
  const double size = __builtin_fabs(x);
  const double z = x * x;
  double p = -0x1.acdf9c8aa59cap-31;
  p = p * z + 0x1.d78470fbb544cp-27;
  p = p * z - 0x1.5c16dd85cd2aep-23;
  p = p * z + 0x1.b9827a1618e3cp-20;
  p = p * z - 0x1.f4ca947bbb8cap-17;
  p = p * z + 0x1.f9a2bf71cc49dp-14;
  p = p * z - 0x1.c02db072da2a1p-11;
  p = p * z + 0x1.565bccfa99bf7p-8;
  p = p * z - 0x1.b82ce31206250p-6;
  p = p * z + 0x1.ce2f21a041016p-4;
  p = p * z - 0x1.812746b0379c2p-2;
  p = p * z + 0x1.06eba8214db68p-3;
  const double small = p * x + x;
  // From 6.0 on the result rounds to 1.
  const double bounded = size > 6.0 ? 6.0 : size;
  const double v = (bounded - 2.5) / (bounded + 2.5);
  double q = 0x1.f947aa00bbb53p-18;
  q = q * v + 0x1.192cbdd0ac17ep-16;
  q = q * v - 0x1.2bd52ff501b71p-15;
  q = q * v - 0x1.0f8cea373b8b5p-13;
  q = q * v + 0x1.deb641174415ap-13;
  q = q * v + 0x1.cb3b221bd066cp-11;
  q = q * v - 0x1.5a56fb17dd701p-9;
  q = q * v - 0x1.05bb2d8fc06eap-8;
  q = q * v + 0x1.470ba1f92c7b9p-5;
  q = q * v - 0x1.0011543730222p-3;
  q = q * v + 0x1.01c11a735bb55p-2;
  q = q * v - 0x1.7ca88dec217e0p-2;
  q = q * v + 0x1.afbb3f3b7343fp-3;
  const double large = 1.0 - mf_exp_f64(-(bounded * bounded)) * q;
  return size < 1.0 ? small : __builtin_copysign(large, x);
}
