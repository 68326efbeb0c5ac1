// mf_maximum_lanes_f64
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// mf_maximum_lanes_f64xN is the largest of N neighbouring elements, NaN if one of them is. They are
// passed in memory, where the lanes of a loop are: a vector that the machine lacks could not be
// passed otherwise.

#define MF_LOW_2(v) __builtin_shufflevector(v, v, 0, 1)
#define MF_HIGH_2(v) __builtin_shufflevector(v, v, 2, 3)
#define MF_LARGER(type, a, b) MF_SELECT(type, ((a) > (b)) | ((a) != (a)), a, b)

__attribute__((unused)) static inline double mf_maximum_lanes_f64x8(const double *lanes) {
  const mf_f64x4 low = *(const mf_f64x4 *)lanes, high = *(const mf_f64x4 *)(lanes + 4);
  const mf_f64x4 four = MF_LARGER(mf_f64x4, low, high);
  const mf_f64x2 two_low = MF_LOW_2(four), two_high = MF_HIGH_2(four);
  const mf_f64x2 two = MF_LARGER(mf_f64x2, two_low, two_high);
  return ((two[0] > two[1]) | (two[0] != two[0])) ? two[0] : two[1];
}

#undef MF_LOW_2
#undef MF_HIGH_2
#undef MF_LARGER
