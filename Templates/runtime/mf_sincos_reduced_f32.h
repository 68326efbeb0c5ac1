// mf_sincos_reduced_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Sine of r + turns * pi/2, |r| <= pi/4.

__attribute__((always_inline)) static inline float mf_sincos_reduced_f32(
    float r, uint32_t turns) {
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
  return (turns & 2) == 0 ? size : -size;
}
