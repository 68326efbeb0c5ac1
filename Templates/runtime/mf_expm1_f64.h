// mf_expm1_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// exp(x) - 1 without cancellation: 2^n p + (2^n - 1), where p is exp - 1 of the reduced argument,
// so that small x (n = 0) give p itself. Error below 1.6 ULP.

__attribute__((always_inline)) static inline double mf_expm1_f64(double x) {
  const double low = x < -38.0 ? -38.0 : x;
  const double bounded = low > 710.0 ? 710.0 : low;
  const double shifted = bounded * 0x1.71547652b82fep0 + 0x1.8p52;
  const double n = shifted - 0x1.8p52;
  const double near = bounded - n * 0x1.62e42fee00000p-1;
  const double r = near - n * 0x1.a39ef35793c76p-33;
  const double lost = near - r - n * 0x1.a39ef35793c76p-33;
  double p = 0x1.1f94f9de7fe10p-29;
  p = p * r + 0x1.af5ec715d8af3p-26;
  p = p * r + 0x1.27e4c5e3f85cfp-22;
  p = p * r + 0x1.71ddf84e9dddcp-19;
  p = p * r + 0x1.a01a01b09883bp-16;
  p = p * r + 0x1.a01a01afe7562p-13;
  p = p * r + 0x1.6c16c16c144aep-10;
  p = p * r + 0x1.111111110f6a8p-7;
  p = p * r + 0x1.555555555555ap-5;
  p = p * r + 0x1.5555555555559p-3;
  p = p * r + 0x1.0000000000000p-1;
  p = p * (r * r) + lost + r;
  int64_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  // Half of 2^n, since 2^1024 is no double.
  const uint64_t scale_bits = ((uint64_t)bits - 0x4338000000000000u + 1022) << 52;
  double scale;
  __builtin_memcpy(&scale, &scale_bits, sizeof scale);
  return (p * scale + (scale - 0.5)) * 2.0;
}
