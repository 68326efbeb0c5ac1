// mf_sum_lanes_f64
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// mf_sum_lanes_f64xN is the sum of N neighbouring elements, by halves: a fixed tree. They are
// passed in memory, where the lanes of a loop are: a vector that the machine lacks could not be
// passed otherwise.

#define MF_LOW_2(v) __builtin_shufflevector(v, v, 0, 1)
#define MF_HIGH_2(v) __builtin_shufflevector(v, v, 2, 3)

__attribute__((unused)) static inline double mf_sum_lanes_f64x8(const double *lanes) {
  const mf_f64x4 four = *(const mf_f64x4 *)lanes + *(const mf_f64x4 *)(lanes + 4);
  const mf_f64x2 two = MF_LOW_2(four) + MF_HIGH_2(four);
  return two[0] + two[1];
}

#undef MF_LOW_2
#undef MF_HIGH_2
