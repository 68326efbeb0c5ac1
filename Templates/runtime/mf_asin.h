// mf_asin_f32, mf_asin_f64
// requires: mf_atan_f32
// SPDX-License-Identifier: Apache-2.0
//
// The inverse sine of -1 ... 1, else NaN: the angle with this sine and the cosine that belongs to
// it. Error below 4 ULP.

__attribute__((always_inline)) static inline float mf_asin_f32(float x) {
  return mf_atan_f32(x / __builtin_sqrtf((1.0f - x) * (1.0f + x)));
}
