// mf_maximum_step_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// One step of a maximum over values that are not NaN (a NaN may or may not survive).

static inline double mf_maximum_step_f64(double best, double value) {
  return best > value ? best : value;
}
