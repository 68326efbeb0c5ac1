// mf_attention_add_f32, mf_attention_add_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Adds a dense tile of terms to a tile of scores; both have a row per key and neighbouring queries
// along it.

MF_KERNEL static void mf_attention_add_f32(
    float *restrict scores, int64_t row_stride, const float *restrict terms, int64_t keys,
    int64_t queries) {
  for (int64_t k = 0; k < keys; ++k) {
    for (int64_t q = 0; q < queries; ++q) {
      scores[k * row_stride + q] += terms[k * queries + q];
    }
  }
}
