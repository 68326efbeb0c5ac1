// mf_sum_f64
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// Sum of the elements of one vector, by halves: a fixed tree, so the result depends on nothing
// but the elements. mf_sum_f64xN takes a vector of N elements.

__attribute__((unused)) static inline double mf_sum_f64x2(mf_f64x2 v) {
  return v.x + v.y;
}

__attribute__((unused)) static inline double mf_sum_f64x4(mf_f64x4 v) {
  return mf_sum_f64x2(v.lo + v.hi);
}

__attribute__((unused)) static inline double mf_sum_f64x8(mf_f64x8 v) {
  return mf_sum_f64x4(v.lo + v.hi);
}
