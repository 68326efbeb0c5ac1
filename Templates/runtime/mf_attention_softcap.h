// mf_attention_softcap_f32, mf_attention_softcap_f64
// requires: mf_library mf_tanh_f32
// SPDX-License-Identifier: Apache-2.0
//
// Bounds the scores S of a tile: they become limit * tanh(S / limit).

MF_KERNEL static void mf_attention_softcap_f32(
    float *restrict scores, int64_t keys, int64_t queries, float limit, float inverse) {
  for (int64_t i = 0; i < keys * queries; ++i) {
    scores[i] = limit * mf_tanh_f32(scores[i] * inverse);
  }
}
