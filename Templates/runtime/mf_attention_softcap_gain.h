// mf_attention_softcap_gain_f32, mf_attention_softcap_gain_f64
// requires: mf_library mf_tanh_f32
// SPDX-License-Identifier: Apache-2.0
//
// Bounds the scores S of a tile: with y = tanh(S / limit) they become limit * y. `gains` gets the
// derivative 1 - y^2, by which their adjoints will be multiplied.

MF_KERNEL static void mf_attention_softcap_gain_f32(
    float *restrict scores, float *restrict gains, int64_t keys, int64_t queries, float limit,
    float inverse) {
  for (int64_t i = 0; i < keys * queries; ++i) {
    const float y = mf_tanh_f32(scores[i] * inverse);
    gains[i] = 1.0f - y * y;
    scores[i] = limit * y;
  }
}
