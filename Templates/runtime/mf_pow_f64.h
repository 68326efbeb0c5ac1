// mf_pow_f64
// requires: mf_exp_f64 mf_floor_f64 mf_fused_f64
// SPDX-License-Identifier: Apache-2.0
//
// x raised to y. The logarithm is computed as a sum of two doubles, about 65 bits, so that
// multiplying it by y up to 700 loses nothing. Error below 1.6 ULP. A negative x needs an integer
// y (else NaN) unless it is infinite; pow(x, 0) and pow(1, y) are 1; the sign of a zero x is
// ignored.

__attribute__((always_inline)) static inline double mf_pow_f64(double x, double y) {
  const double size = __builtin_fabs(x);
  const double scaled = size < 0x1p-1022 ? size * 0x1p54 : size;
  const double shift = size < 0x1p-1022 ? 54.0 : 0.0;
  uint64_t bits;
  __builtin_memcpy(&bits, &scaled, sizeof bits);
  const uint64_t offset = bits - 0x3fe6a09e667f3bcdu + 0x4000000000000000u;
  const uint64_t exponent_bits = (offset >> 52) | 0x4330000000000000u;
  const uint64_t mantissa_bits = bits - (offset & 0xfff0000000000000u) + 0x4000000000000000u;
  double exponent, mantissa;
  __builtin_memcpy(&exponent, &exponent_bits, sizeof exponent);
  __builtin_memcpy(&mantissa, &mantissa_bits, sizeof mantissa);
  const double e = exponent - (0x1p52 + 1024.0) - shift;

  // s = f / (2 + f) and z = s * s, each as a sum of two doubles.
  const double f = mantissa - 1.0;
  const double d = 2.0 + f;
  const double d_low = f - (d - 2.0);
  const double s = f / d;
  const double s_low = (mf_fused_f64(-s, d, f) - s * d_low) / d;
  const double z = s * s;
  const double z_low = mf_fused_f64(s, s, -z) + 2.0 * s * s_low;

  // log(m) = 2 s + s z t, t = 2/3 + z p.
  double p = 0x1.eb1201a5b3b16p-4;
  p = p * z + 0x1.de335416802d8p-4;
  p = p * z + 0x1.1120b662dd457p-3;
  p = p * z + 0x1.3b1362b096e25p-3;
  p = p * z + 0x1.745d183269411p-3;
  p = p * z + 0x1.c71c71c58033ep-3;
  p = p * z + 0x1.2492492493037p-2;
  p = p * z + 0x1.9999999999996p-2;
  const double tail = z * p;
  const double t = 0x1.5555555555555p-1 + tail;
  const double t_low = tail - (t - 0x1.5555555555555p-1) + 0x1.5555555555555p-55;
  const double c = s * z;
  const double c_low = mf_fused_f64(s, z, -c) + s * z_low + s_low * z;
  const double m = c * t;
  const double m_low = mf_fused_f64(c, t, -m) + c * t_low + c_low * t;

  // log(x) = e log(2) + 2 s + m, summed from the largest term down.
  const double power = e * 0x1.62e42fee00000p-1;
  const double first = power + 2.0 * s;
  const double first_low = e == 0.0 ? 0.0 : 2.0 * s - (first - power);
  const double sum = first + m;
  const double sum_low = m - (sum - first);
  const double log_low = sum_low + (first_low + (m_low + 2.0 * s_low + e * 0x1.a39ef35793c76p-33));
  const double log_high = sum + log_low;
  const double log_rest = log_low - (log_high - sum);

  const double edge = size == 0.0 ? -__builtin_inf() : size;
  const double is_finite = ((size > 0.0) & (size < __builtin_inf())) ? 1.0 : 0.0;
  const double log = is_finite != 0.0 ? log_high : edge;
  const double product = y * log;
  const double rest = mf_fused_f64(y, log, -product) + y * log_rest;
  const double value = mf_exp_f64(product);
  // What has overflowed has nothing to refine, and an infinity less a part of itself is NaN.
  const double is_plain =
      ((is_finite != 0.0) & (product > -745.0) & (value < __builtin_inf())) ? 1.0 : 0.0;
  const double refined = is_plain != 0.0 ? value + value * rest : value;
  const double result = size == 1.0 ? 1.0 : refined;

  const double half = 0.5 * y;
  const double is_odd = y - 2.0 * mf_floor_f64(half) == 1.0 ? 1.0 : 0.0;
  const double is_integer = mf_floor_f64(y) == y ? 1.0 : 0.0;
  const double signed_result = is_odd != 0.0 ? -result : result;
  const double fractional = size < __builtin_inf() ? __builtin_nan("") : result;
  const double negative = is_integer != 0.0 ? signed_result : fractional;
  const double any = x < 0.0 ? negative : result;
  return y == 0.0 ? 1.0 : any;
}
