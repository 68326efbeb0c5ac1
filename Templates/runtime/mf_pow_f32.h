// mf_pow_f32
// requires: mf_exp_f64 mf_floor_f32 mf_log_f64
// SPDX-License-Identifier: Apache-2.0
//
// x raised to y, through the f64 logarithm and exponential. Error below 0.6 ULP. A negative x
// needs an integer y (else NaN) unless it is infinite; pow(x, 0) and pow(1, y) are 1; the sign of a
// zero x is ignored.

__attribute__((always_inline)) static inline float mf_pow_f32(float x, float y) {
  const double size = __builtin_fabs((double)x);
  const double plain = mf_exp_f64((double)y * mf_log_f64(size));
  const double power = size == 1.0 ? 1.0 : plain;
  const float half = 0.5f * y;
  const float is_odd = (y - 2.0f * mf_floor_f32(half) == 1.0f) ? 1.0f : 0.0f;
  const float is_integer = mf_floor_f32(y) == y ? 1.0f : 0.0f;
  const float signed_power = is_odd != 0.0f ? -(float)power : (float)power;
  const float fractional = size < (double)__builtin_inff() ? __builtin_nanf("") : (float)power;
  const float negative = is_integer != 0.0f ? signed_power : fractional;
  const float result = x < 0.0f ? negative : (float)power;
  return y == 0.0f ? 1.0f : result;
}
