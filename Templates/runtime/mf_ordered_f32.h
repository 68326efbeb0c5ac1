// mf_ordered_f32
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// An integer that orders as the number does, and the number of such an integer. Compilers keep
// the maximum of many integers in vector lanes; that of many floats they do not, since a NaN or
// the sign of a zero might come out otherwise. Here -0 is below 0, and NaNs are at both ends.

static inline int32_t mf_ordered_f32(float x) {
  int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

static inline float mf_unordered_f32(int32_t ordered) {
  const int32_t bits = ordered ^ ((ordered >> 31) & 0x7fffffff);
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
