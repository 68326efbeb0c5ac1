// mf_maximum_lanes_f64
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// mf_maximum_lanes_f64xN is the largest of N neighbouring elements, NaN if one of them is. They are
// passed in memory, where the lanes of a loop are: a vector that the machine lacks could not be
// passed otherwise.

__attribute__((unused)) static inline double mf_maximum_lanes_f64x8(const double *lanes) {
  const mf_f64x4 low = *(const mf_f64x4 *)lanes, high = *(const mf_f64x4 *)(lanes + 4);
  const mf_f64x4 four = ((low > high) | (low != low)) ? low : high;
  const mf_f64x2 two = ((four.lo > four.hi) | (four.lo != four.lo)) ? four.lo : four.hi;
  return ((two.x > two.y) | (two.x != two.x)) ? two.x : two.y;
}
