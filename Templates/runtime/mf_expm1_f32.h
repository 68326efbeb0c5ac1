// mf_expm1_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// exp(x) - 1 without cancellation: 2^n p + (2^n - 1), where p is exp - 1 of the reduced argument,
// so that small x (n = 0) give p itself. Error below 1.4 ULP.

__attribute__((always_inline)) static inline float mf_expm1_f32(float x) {
  const float low = x < -18.0f ? -18.0f : x;
  const float bounded = low > 89.0f ? 89.0f : low;
  const float shifted = bounded * 0x1.715476p0f + 0x1.8p23f;
  const float n = shifted - 0x1.8p23f;
  const float near = bounded - n * 0x1.62e400p-1f;
  const float r = near - n * 0x1.7f7d1cp-20f;
  const float lost = near - r - n * 0x1.7f7d1cp-20f;
  float p = 0.000199052141f;
  p = p * r + 0.00139411213f;
  p = p * r + 0.00833328813f;
  p = p * r + 0.0416663513f;
  p = p * r + 0.166666672f;
  p = p * r + 0.5f;
  p = p * (r * r) + lost + r;
  int32_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  // Half of 2^n, since 2^128 is no float.
  const int32_t scale_bits = (bits - 0x4b400000 + 126) << 23;
  float scale;
  __builtin_memcpy(&scale, &scale_bits, sizeof scale);
  return (p * scale + (scale - 0.5f)) * 2.0f;
}
