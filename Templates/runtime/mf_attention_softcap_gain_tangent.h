// mf_attention_softcap_gain_tangent_f32, mf_attention_softcap_gain_tangent_f64
// requires: mf_library mf_tanh_f32
// SPDX-License-Identifier: Apache-2.0
//
// Bounds the scores of a tile, a row per key, tangents before values: with y = tanh(S / limit), S
// becomes limit * y and S_tan becomes g S_tan, where g = 1 - y^2. `gains` gets the tangent of g,
// -2 y g S_tan / limit, and g, by which adjoints will be multiplied.

MF_KERNEL static void mf_attention_softcap_gain_tangent_f32(
    float *restrict tile, float *restrict gains, int64_t keys, int64_t queries, float limit,
    float inverse) {
  for (int64_t k = 0; k < keys; ++k) {
    float *row = tile + k * 2 * queries;
    float *gain = gains + k * 2 * queries;
    MF_INDEPENDENT
    for (int64_t q = 0; q < queries; ++q) {
      const float y = mf_tanh_f32(row[queries + q] * inverse);
      const float g = 1.0f - y * y;
      const float moved = g * row[q];
      row[q] = moved;
      row[queries + q] = limit * y;
      gain[q] = -2.0f * inverse * (y * moved);
      gain[queries + q] = g;
    }
  }
}
