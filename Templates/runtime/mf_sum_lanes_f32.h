// mf_sum_lanes_f32
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// mf_sum_lanes_f32xN is the sum of N neighbouring elements, by halves: a fixed tree. They are
// passed in memory, where the lanes of a loop are: a vector that the machine lacks could not be
// passed otherwise.

#define MF_LOW_2(v) __builtin_shufflevector(v, v, 0, 1)
#define MF_HIGH_2(v) __builtin_shufflevector(v, v, 2, 3)
#define MF_LOW_4(v) __builtin_shufflevector(v, v, 0, 1, 2, 3)
#define MF_HIGH_4(v) __builtin_shufflevector(v, v, 4, 5, 6, 7)

__attribute__((unused)) static inline float mf_sum_lanes_f32x8(const float *lanes) {
  const mf_f32x4 four = *(const mf_f32x4 *)lanes + *(const mf_f32x4 *)(lanes + 4);
  const mf_f32x2 two = MF_LOW_2(four) + MF_HIGH_2(four);
  return two[0] + two[1];
}

__attribute__((unused)) static inline float mf_sum_lanes_f32x16(const float *lanes) {
  const mf_f32x8 eight = *(const mf_f32x8 *)lanes + *(const mf_f32x8 *)(lanes + 8);
  const mf_f32x4 four = MF_LOW_4(eight) + MF_HIGH_4(eight);
  const mf_f32x2 two = MF_LOW_2(four) + MF_HIGH_2(four);
  return two[0] + two[1];
}

#undef MF_LOW_2
#undef MF_HIGH_2
#undef MF_LOW_4
#undef MF_HIGH_4
