// mf_floor_divide_i32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// The whole number next to a / b towards minus infinity: 0 where b is 0, and wrapped around where
// the quotient is too large, which is that of the least number and -1. Machines trap at both, so
// neither is ever divided.

static inline int32_t mf_floor_divide_i32(int32_t a, int32_t b) {
  const int32_t divisor = b == 0 || b == -1 ? 1 : b;
  const int32_t quotient = a / divisor;
  const int32_t rest = a % divisor;
  const int32_t floored = quotient - (rest != 0 && (rest < 0) != (divisor < 0));
  return b == 0 ? 0 : b == -1 ? (int32_t)(0u - (uint32_t)a) : floored;
}
