// mf_ordered_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// An integer that orders as the number does, and the number of such an integer. Compilers keep
// the maximum of many integers in vector lanes; that of many floats they do not, since a NaN or
// the sign of a zero might come out otherwise. Here -0 is below 0, and every NaN is above infinity:
// those with a sign would be the lowest, but the subtraction makes them go round to the other end.

static inline int32_t mf_ordered_f32(float x) {
  int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const int32_t ordered = bits ^ ((bits >> 31) & 0x7fffffff);
  return (int32_t)((uint32_t)ordered - 0x7fffff);
}

static inline float mf_unordered_f32(int32_t shifted) {
  const int32_t ordered = (int32_t)((uint32_t)shifted + 0x7fffff);
  const int32_t bits = ordered ^ ((ordered >> 31) & 0x7fffffff);
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
