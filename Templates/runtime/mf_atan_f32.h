// mf_atan_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// The inverse tangent. The size of x is reduced to below tan(pi / 8) by subtracting pi / 4 or
// pi / 2 from its angle; there an odd polynomial (Cephes, S. Moshier). Error below 2.2 ULP.

__attribute__((always_inline)) static inline float mf_atan_f32(float x) {
  const float size = __builtin_fabsf(x);
  const float is_large = size > 2.414213562373095f ? 1.0f : 0.0f;
  const float is_middle = size > 0.4142135623730950f ? 1.0f : 0.0f;
  const float above = is_large != 0.0f ? -1.0f : size - 1.0f;
  const float below = is_large != 0.0f ? size : size + 1.0f;
  const float reduced = above / below;
  const float r = is_middle != 0.0f ? reduced : size;
  const float middle = is_large != 0.0f ? 1.57079637f : 0.785398185f;
  const float middle_lost = is_large != 0.0f ? -4.37113883e-8f : -2.18556941e-8f;
  const float angle = is_middle != 0.0f ? middle : 0.0f;
  const float lost = is_middle != 0.0f ? middle_lost : 0.0f;
  const float z = r * r;
  float p = 8.05374449538e-2f;
  p = p * z - 1.38776856032e-1f;
  p = p * z + 1.99777106478e-1f;
  p = p * z - 3.33329491539e-1f;
  p = p * z * r + lost + r;
  return __builtin_copysignf(angle + p, x);
}
