// mf_sum_f64
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// Sum of the elements of one vector, by halves: a fixed tree, so the result depends on nothing
// but the elements. mf_sum_f64xN takes a vector of N elements.

#define MF_HALVES_4(v) \
  __builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3)
#define MF_HALVES_8(v) \
  __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7)

__attribute__((unused)) static inline double mf_sum_f64x2(mf_f64x2 v) {
  return v[0] + v[1];
}

__attribute__((unused)) static inline double mf_sum_f64x4(mf_f64x4 v) {
  return mf_sum_f64x2(MF_HALVES_4(v));
}

__attribute__((unused)) static inline double mf_sum_f64x8(mf_f64x8 v) {
  return mf_sum_f64x4(MF_HALVES_8(v));
}

#undef MF_HALVES_4
#undef MF_HALVES_8
