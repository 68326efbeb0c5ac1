// mf_to_i32_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// x towards zero as an i32. NaN and what no i32 can hold give the least i32, where C says nothing.

static inline int32_t mf_to_i32_f32(float x) {
  return x > -2147483904.0f && x < 2147483648.0f ? (int32_t)x : -2147483647 - 1;
}
