// mf_attention_bias_f32, mf_attention_bias_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Adds to the scores of a tile a bias that all queries or all keys share: the strides say which. A
// tile has a row per key and neighbouring queries along it.

MF_KERNEL static void mf_attention_bias_f32(
    float *restrict scores, int64_t row_stride, const float *restrict bias, int64_t key_stride,
    int64_t query_stride, int64_t keys, int64_t queries) {
  for (int64_t k = 0; k < keys; ++k) {
    for (int64_t q = 0; q < queries; ++q) {
      scores[k * row_stride + q] += bias[k * key_stride + q * query_stride];
    }
  }
}
