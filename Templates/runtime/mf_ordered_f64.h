// mf_ordered_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// An integer that orders as the number does, and the number of such an integer. Compilers keep
// the maximum of many integers in vector lanes; that of many floats they do not, since a NaN or
// the sign of a zero might come out otherwise. Here -0 is below 0, and every NaN is above infinity:
// those with a sign would be the lowest, but the subtraction makes them go round to the other end.

static inline int64_t mf_ordered_f64(double x) {
  int64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const int64_t ordered = bits ^ ((bits >> 63) & 0x7fffffffffffffff);
  return (int64_t)((uint64_t)ordered - 0xfffffffffffff);
}

static inline double mf_unordered_f64(int64_t shifted) {
  const int64_t ordered = (int64_t)((uint64_t)shifted + 0xfffffffffffff);
  const int64_t bits = ordered ^ ((ordered >> 63) & 0x7fffffffffffffff);
  double x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
