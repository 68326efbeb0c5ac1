// mf_is_far_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Whether x is beyond what mf_sin_f64 and mf_cos_f64 are right for: 1 or 0, of the width of x, so
// that a loop can collect it in vector lanes.

__attribute__((always_inline)) static inline uint64_t mf_is_far_f64(double x) {
  return __builtin_fabs(x) <= 0x1p50 ? 0 : 1;
}
