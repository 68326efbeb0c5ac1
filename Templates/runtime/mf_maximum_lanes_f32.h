// mf_maximum_lanes_f32
// requires: mf_vector_types
// SPDX-License-Identifier: Apache-2.0
//
// mf_maximum_lanes_f32xN is the largest of N neighbouring elements, NaN if one of them is. They are
// passed in memory, where the lanes of a loop are: a vector that the machine lacks could not be
// passed otherwise.

__attribute__((unused)) static inline float mf_maximum_lanes_f32x8(const float *lanes) {
  const mf_f32x4 low = *(const mf_f32x4 *)lanes, high = *(const mf_f32x4 *)(lanes + 4);
  const mf_f32x4 four = ((low > high) | (low != low)) ? low : high;
  const mf_f32x2 two = ((four.lo > four.hi) | (four.lo != four.lo)) ? four.lo : four.hi;
  return ((two.x > two.y) | (two.x != two.x)) ? two.x : two.y;
}

__attribute__((unused)) static inline float mf_maximum_lanes_f32x16(const float *lanes) {
  const mf_f32x8 low = *(const mf_f32x8 *)lanes, high = *(const mf_f32x8 *)(lanes + 8);
  const mf_f32x8 eight = ((low > high) | (low != low)) ? low : high;
  const mf_f32x4 four = ((eight.lo > eight.hi) | (eight.lo != eight.lo)) ? eight.lo : eight.hi;
  const mf_f32x2 two = ((four.lo > four.hi) | (four.lo != four.lo)) ? four.lo : four.hi;
  return ((two.x > two.y) | (two.x != two.x)) ? two.x : two.y;
}
