// mf_tanh_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// tanh(x) = t / (t + 2) with t = exp(2 |x|) - 1 = 2^n p + (2^n - 1), where p is exp - 1 of the
// reduced argument: small arguments (n = 0) stay accurate, and of large ones t need not be, so that
// one constant reduces and one factor is the power of two. Error below 2.6 ULP.

__attribute__((always_inline)) static inline float mf_tanh_f32(float x) {
  const float size = __builtin_fabsf(x);
  const float bounded = size > 10.0f ? 10.0f : size;
  const float twice = bounded + bounded;
  // Adding 1.5 * 2^23 rounds to an integer, which the low bits of the sum then hold; 127 more make
  // it the exponent of a power of two.
  const float shifted = twice * 0x1.715476p0f + 12583039.0f;
  const float r = twice - (shifted - 12583039.0f) * 0x1.62e430p-1f;
  float p = 0.00138982331f;
  p = p * r + 0.00836607721f;
  p = p * r + 0.0416668542f;
  p = p * r + 0.16666548f;
  p = p * r + 0.5f;
  p = p * (r * r) + r;
  uint32_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  bits <<= 23;
  float scale;
  __builtin_memcpy(&scale, &bits, sizeof scale);
  const float t = p * scale + (scale - 1.0f);
  return __builtin_copysignf(t / (t + 2.0f), x);
}
