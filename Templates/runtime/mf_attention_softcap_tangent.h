// mf_attention_softcap_tangent_f32, mf_attention_softcap_tangent_f64
// requires: mf_library mf_tanh_f32
// SPDX-License-Identifier: Apache-2.0
//
// Bounds the scores of a tile, a row per key, tangents before values: with y = tanh(S / limit), S
// becomes limit * y and S_tan becomes (1 - y^2) S_tan.

MF_KERNEL static void mf_attention_softcap_tangent_f32(
    float *restrict tile, int64_t keys, int64_t queries, float limit, float inverse) {
  for (int64_t k = 0; k < keys; ++k) {
    float *row = tile + k * 2 * queries;
    MF_INDEPENDENT
    for (int64_t q = 0; q < queries; ++q) {
      const float y = mf_tanh_f32(row[queries + q] * inverse);
      row[q] = (1.0f - y * y) * row[q];
      row[queries + q] = limit * y;
    }
  }
}
