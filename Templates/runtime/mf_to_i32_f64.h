// mf_to_i32_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// x towards zero as an i32. NaN and what no i32 can hold give the least i32, where C says nothing.

static inline int32_t mf_to_i32_f64(double x) {
  return x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : -2147483647 - 1;
}
