// mf_attention_gain_f32, mf_attention_gain_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Makes the adjoints of a tile's bounded scores those of the scores before: multiplies them by
// `gains`.

MF_KERNEL static void mf_attention_gain_f32(
    float *restrict adjoints, const float *restrict gains, int64_t keys, int64_t queries) {
  for (int64_t i = 0; i < keys * queries; ++i) {
    adjoints[i] *= gains[i];
  }
}
