// mf_attention_gain_tangent_f32, mf_attention_gain_tangent_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Makes the adjoints of a tile's bounded scores, a row per key, tangents before values, those of
// the scores before: with gains g, A becomes g A and A_tan becomes g A_tan + g_tan A.

MF_KERNEL static void mf_attention_gain_tangent_f32(
    float *restrict adjoints, const float *restrict gains, int64_t keys, int64_t queries) {
  for (int64_t k = 0; k < keys; ++k) {
    float *row = adjoints + k * 2 * queries;
    const float *gain = gains + k * 2 * queries;
    MF_INDEPENDENT
    for (int64_t q = 0; q < queries; ++q) {
      const float adjoint = row[queries + q];
      row[q] = gain[queries + q] * row[q] + gain[q] * adjoint;
      row[queries + q] = gain[queries + q] * adjoint;
    }
  }
}
