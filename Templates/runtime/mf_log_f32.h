// mf_log_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// log(x). x = 2^e m with m in [2/3, 4/3); log(m) is a polynomial in m - 1. Denormal arguments are
// scaled first. Error below 0.9 ULP. log(0) is -inf, log of a negative number is NaN.

__attribute__((always_inline)) static inline float mf_log_f32(float x) {
  const float scaled = x < 0x1p-126f ? x * 0x1p23f : x;
  const float shift = x < 0x1p-126f ? 23.0f : 0.0f;
  int32_t bits;
  __builtin_memcpy(&bits, &scaled, sizeof bits);
  const int32_t offset = (int32_t)((uint32_t)bits - 0x3f2aaaabu);
  const float e = (float)(offset >> 23) - shift;
  const int32_t mantissa_bits = bits - (int32_t)((uint32_t)offset & 0xff800000u);
  float mantissa;
  __builtin_memcpy(&mantissa, &mantissa_bits, sizeof mantissa);
  const float f = mantissa - 1.0f;
  const float square = f * f;
  float p = 0.123570591f;
  p = p * f - 0.128479689f;
  p = p * f + 0.106615782f;
  p = p * f - 0.121951036f;
  p = p * f + 0.143128231f;
  p = p * f - 0.166796282f;
  p = p * f + 0.199993059f;
  p = p * f - 0.249998197f;
  p = p * f + 0.333333373f;
  const float low = p * f * square - 0.5f * square + e * 0x1.7f7d1cp-20f;
  const float result = low + f + e * 0x1.62e400p-1f;
  const float invalid = x > 0.0f ? x : __builtin_nanf("");
  const float edge = x == 0.0f ? -__builtin_inff() : invalid;
  return ((x > 0.0f) & (x < __builtin_inff())) ? result : edge;
}
