// mf_exp_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// exp(x). Cody and Waite's reduction to |r| <= log(2) / 2, then a polynomial of degree 11. The
// power of two is applied as two factors, so results that are denormal or overflow are right, too.
// Error below 1.1 ULP. exp(NaN) is NaN.

__attribute__((always_inline)) static inline double mf_exp_f64(double x) {
  const double low = x < -746.0 ? -746.0 : x;
  const double bounded = low > 710.0 ? 710.0 : low;
  // Adding 1.5 * 2^52 rounds to an integer, which the low bits of the sum then hold.
  const double shifted = bounded * 0x1.71547652b82fep0 + 0x1.8p52;
  const double n = shifted - 0x1.8p52;
  const double r = bounded - n * 0x1.62e42fee00000p-1 - n * 0x1.a39ef35793c76p-33;
  double p = 0x1.af7bff49fdc8dp-26;
  p = p * r + 0x1.28b0743289067p-22;
  p = p * r + 0x1.71dde61545559p-19;
  p = p * r + 0x1.a019965d152e6p-16;
  p = p * r + 0x1.a01a01b7ea076p-13;
  p = p * r + 0x1.6c16c185bfd4bp-10;
  p = p * r + 0x1.111111110dfa1p-7;
  p = p * r + 0x1.555555554ff9fp-5;
  p = p * r + 0x1.555555555555ep-3;
  p = p * r + 0x1.000000000000cp-1;
  p = p * (r * r) + r + 1.0;
  int64_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  // The exponent, plus 2048 so that halving needs no arithmetic shift, which AVX2 lacks.
  const uint64_t exponent = (uint64_t)bits - 0x4338000000000000u + 2048;
  const uint64_t half = exponent >> 1;
  const uint64_t first_bits = (half - 1) << 52;
  const uint64_t second_bits = (exponent - half - 1) << 52;
  double first, second;
  __builtin_memcpy(&first, &first_bits, sizeof first);
  __builtin_memcpy(&second, &second_bits, sizeof second);
  return p * first * second;
}
