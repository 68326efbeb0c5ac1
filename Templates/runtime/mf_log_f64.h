// mf_log_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// log(x). x = 2^e m with m in [sqrt(2)/2, sqrt(2)); log(m) by the series of atanh(f / (2 + f)), f
// = m - 1, arranged as in Sun's fdlibm. Denormal arguments are scaled first. Error below 0.9 ULP.
// log(0) is -inf, log of a negative number is NaN.

__attribute__((always_inline)) static inline double mf_log_f64(double x) {
  const double scaled = x < 0x1p-1022 ? x * 0x1p54 : x;
  const double shift = x < 0x1p-1022 ? 54.0 : 0.0;
  uint64_t bits;
  __builtin_memcpy(&bits, &scaled, sizeof bits);
  // Biased by 1024, so that the exponent is not negative; or-ed into 2^52 it becomes a double.
  const uint64_t offset = bits - 0x3fe6a09e667f3bcdu + 0x4000000000000000u;
  const uint64_t exponent_bits = (offset >> 52) | 0x4330000000000000u;
  const uint64_t mantissa_bits = bits - (offset & 0xfff0000000000000u) + 0x4000000000000000u;
  double exponent, mantissa;
  __builtin_memcpy(&exponent, &exponent_bits, sizeof exponent);
  __builtin_memcpy(&mantissa, &mantissa_bits, sizeof mantissa);
  const double e = exponent - (0x1p52 + 1024.0) - shift;
  const double f = mantissa - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 0x1.2f06af444788ep-3;
  p = p * z + 0x1.39a199ab5e5d6p-3;
  p = p * z + 0x1.74664034524ffp-3;
  p = p * z + 0x1.c71c5202e22efp-3;
  p = p * z + 0x1.24924941f97e4p-2;
  p = p * z + 0x1.999999997fd14p-2;
  p = p * z + 0x1.5555555555592p-1;
  const double half_square = 0.5 * f * f;
  const double low = s * (half_square + z * p) + e * 0x1.a39ef35793c76p-33;
  const double result = e * 0x1.62e42fee00000p-1 - (half_square - low - f);
  const double invalid = x > 0.0 ? x : __builtin_nan("");
  const double edge = x == 0.0 ? -__builtin_inf() : invalid;
  return ((x > 0.0) & (x < __builtin_inf())) ? result : edge;
}
