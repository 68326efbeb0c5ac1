// mf_sum_f32
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// Sum of the elements of one vector, by halves: a fixed tree, so the result depends on nothing
// but the elements. mf_sum_f32xN takes a vector of N elements.

__attribute__((unused)) static inline float mf_sum_f32x2(mf_f32x2 v) {
  return v.x + v.y;
}

__attribute__((unused)) static inline float mf_sum_f32x4(mf_f32x4 v) {
  return mf_sum_f32x2(v.lo + v.hi);
}

__attribute__((unused)) static inline float mf_sum_f32x8(mf_f32x8 v) {
  return mf_sum_f32x4(v.lo + v.hi);
}

__attribute__((unused)) static inline float mf_sum_f32x16(mf_f32x16 v) {
  return mf_sum_f32x8(v.lo + v.hi);
}
