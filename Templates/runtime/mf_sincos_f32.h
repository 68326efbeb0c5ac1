// mf_sincos_f32
// requires: mf_fused_f32 mf_sincos_reduced_f32
// SPDX-License-Identifier: Apache-2.0
//
// Sine of x + quadrant * pi/2; mf_sin_f32 and mf_cos_f32 are its quadrants 0 and 1. The argument
// is reduced by pi/2 in three parts, by fused multiply-adds, which is exact enough for |x| <= 2^22.
// Error below 2 ULP. Beyond, see mf_sincos_far_f32; NaN for infinities.

__attribute__((always_inline)) static inline float mf_sincos_f32(float x, uint32_t quadrant) {
  // Adding 1.5 * 2^23 rounds to an integer, whose lowest bits are those of the sum.
  const float shifted = mf_fused_f32(x, 0x1.45f306p-1f, 0x1.8p23f);
  const float n = shifted - 0x1.8p23f;
  uint32_t turns;
  __builtin_memcpy(&turns, &shifted, sizeof turns);
  turns += quadrant;
  const float near = mf_fused_f32(n, -0x1.921fb6p0f, x);
  const float nearer = mf_fused_f32(n, 0x1.777a5cp-25f, near);
  const float r = mf_fused_f32(n, 0x1.ee59dap-50f, nearer);
  return mf_sincos_reduced_f32(r, turns);
}
