// mf_sincos_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Sine of x + quadrant * pi/2; mf_sin_f32 and mf_cos_f32 are its quadrants 0 and 1. The argument
// is reduced by pi/2 in three parts; with fused multiply-adds this is exact enough for |x| <=
// 2^22. Error below 2 ULP. Beyond that, and for infinities, the result is NaN.

__attribute__((always_inline)) static inline float mf_sincos_f32(float x, uint32_t quadrant) {
  // Adding 1.5 * 2^23 rounds to an integer, whose lowest bits are those of the sum.
  const float shifted = x * 0x1.45f306p-1f + 0x1.8p23f;
  const float n = shifted - 0x1.8p23f;
  uint32_t turns;
  __builtin_memcpy(&turns, &shifted, sizeof turns);
  turns += quadrant;
  const float near = x - n * 0x1.921fb6p0f;
  const float nearer = near - n * -0x1.777a5cp-25f;
  const float r = nearer - n * -0x1.ee59dap-50f;
  const float z = r * r;
  float sine = 2.71827275e-06f;
  sine = sine * z - 0.000198393303f;
  sine = sine * z + 0.00833332911f;
  sine = sine * z - 0.166666672f;
  sine = sine * (z * r) + r;
  float cosine = 2.44379662e-05f;
  cosine = cosine * z - 0.0013887363f;
  cosine = cosine * z + 0.0416666456f;
  cosine = cosine * (z * z) - 0.5f * z + 1.0f;
  const float size = (turns & 1) == 0 ? sine : cosine;
  const float result = (turns & 2) == 0 ? size : -size;
  return __builtin_fabsf(x) <= 0x1p22f ? result : __builtin_nanf("");
}
