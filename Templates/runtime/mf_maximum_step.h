// mf_maximum_step_f32, mf_maximum_step_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// One step of a maximum; a NaN stays. The comparison takes `value` if that is NaN.

static inline float mf_maximum_step_f32(float best, float value) {
  const float larger = best > value ? best : value;
  return best != best ? best : larger;
}
