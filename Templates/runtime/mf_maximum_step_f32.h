// mf_maximum_step_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// One step of a maximum over values that are not NaN (a NaN may or may not survive).

static inline float mf_maximum_step_f32(float best, float value) {
  return best > value ? best : value;
}
