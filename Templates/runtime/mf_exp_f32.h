// mf_exp_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// exp(x). Cody and Waite's reduction to |r| <= log(2) / 2, then a polynomial of degree 6. The
// power of two is applied as two factors, so results that are denormal or overflow are right, too.
// Error below 1.1 ULP. exp(NaN) is NaN.

__attribute__((always_inline)) static inline float mf_exp_f32(float x) {
  const float low = x < -104.0f ? -104.0f : x;
  const float bounded = low > 89.0f ? 89.0f : low;
  // Adding 1.5 * 2^23 rounds to an integer, which the low bits of the sum then hold.
  const float shifted = bounded * 0x1.715476p0f + 0x1.8p23f;
  const float n = shifted - 0x1.8p23f;
  const float r = bounded - n * 0x1.62e400p-1f - n * 0x1.7f7d1cp-20f;
  float p = 0.00139503484f;
  p = p * r + 0.00836890284f;
  p = p * r + 0.041666206f;
  p = p * r + 0.166665182f;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  int32_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  const int32_t exponent = bits - 0x4b400000;
  const int32_t half = exponent >> 1;
  const int32_t first_bits = (half + 127) << 23;
  const int32_t second_bits = (exponent - half + 127) << 23;
  float first, second;
  __builtin_memcpy(&first, &first_bits, sizeof first);
  __builtin_memcpy(&second, &second_bits, sizeof second);
  return p * first * second;
}
