// mf_sum_step_f32, mf_sum_step_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// One step of a sum whose order is free: the compiler may keep partial sums in vector lanes. The
// order is fixed when the library is compiled, so results are the same from run to run.

static inline float mf_sum_step_f32(float sum, float value) {
  MF_REASSOCIATED
  return sum + value;
}
