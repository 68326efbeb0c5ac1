// mf_is_far_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Whether x is beyond what mf_sin_f32 and mf_cos_f32 are right for: 1 or 0, of the width of x, so
// that a loop can collect it in vector lanes.

__attribute__((always_inline)) static inline uint32_t mf_is_far_f32(float x) {
  return __builtin_fabsf(x) <= 0x1p22f ? 0 : 1;
}
