// mf_fused_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// a * b + c as if rounded once, for what lives by that: one instruction where there is one, else
// with what rounding loses of the product (Dekker 1971) and of the sum (Knuth 1969), which is exact
// enough while the product is far from overflow and underflow; NaN where it is not.

__attribute__((always_inline)) static inline double mf_fused_f64(double a, double b, double c) {
#if defined(__FMA__) || defined(__FMA4__) || defined(__aarch64__)
  return __builtin_fma(a, b, c);
#else
  const double product = a * b;
  // The upper 26 bits of each factor, and the rest: products of these are exact.
  const double wide_a = a * 0x1.0000002p27;
  const double wide_b = b * 0x1.0000002p27;
  const double high_a = wide_a - (wide_a - a);
  const double high_b = wide_b - (wide_b - b);
  const double low_a = a - high_a;
  const double low_b = b - high_b;
  const double lost =
      high_a * high_b - product + high_a * low_b + low_a * high_b + low_a * low_b;
  const double sum = product + c;
  const double taken = sum - product;
  return sum + (product - (sum - taken) + (c - taken) + lost);
#endif
}
