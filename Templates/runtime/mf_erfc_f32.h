// mf_erfc_f32
// requires: mf_exp_f32 mf_fused_f32
// SPDX-License-Identifier: Apache-2.0
//
// The complementary error function 1 - erf(x), accurate in its tail: exp(-x^2) p / (1 + 2 |x|),
// where p is a polynomial in (|x| - 3) / (|x| + 3); 2 minus that for negative x. What rounding
// lost of x^2 is put back. Error below 7 ULP.

__attribute__((always_inline)) static inline float mf_erfc_f32(float x) {
  const float size = __builtin_fabsf(x);
  // From 10.1 on the result rounds to 0.
  const float bounded = size > 10.1f ? 10.1f : size;
  const float v = (bounded - 3.0f) / (bounded + 3.0f);
  float p = -2.773269e-04f;
  p = p * v - 7.9833914e-04f;
  p = p * v + 0.0019944746f;
  p = p * v + 0.0025794348f;
  p = p * v - 0.023790235f;
  p = p * v + 0.06829351f;
  p = p * v - 0.11927265f;
  p = p * v + 0.12964657f;
  p = p * v - 0.04756228f;
  p = p * v - 0.13562115f;
  p = p * v + 1.253008f;
  const float square = bounded * bounded;
  const float lost = mf_fused_f32(bounded, bounded, -square);
  const float scale = p / (1.0f + 2.0f * bounded);
  const float result = mf_exp_f32(-square) * (scale - scale * lost);
  return x < 0.0f ? 2.0f - result : result;
}
