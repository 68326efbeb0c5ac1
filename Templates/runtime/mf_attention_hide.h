// mf_attention_hide_f32, mf_attention_hide_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Makes scores of pairs that an array of truth values rules out minus infinity. A tile has a row
// per key and neighbouring queries along it; the mask's elements lie as its strides say. Few
// queries at a time: their rows of the mask are as far apart as the sequence is long.

MF_KERNEL static void mf_attention_hide_f32(
    float *restrict scores, int64_t row_stride, const uint8_t *restrict mask, int64_t key_stride,
    int64_t query_stride, int64_t keys, int64_t queries) {
  for (int64_t start = 0; start < queries; start += 8) {
    const int64_t end = start + 8 < queries ? start + 8 : queries;
    for (int64_t k = 0; k < keys; ++k) {
      for (int64_t q = start; q < end; ++q) {
        const float score = scores[k * row_stride + q];
        const uint8_t counts = mask[k * key_stride + q * query_stride];
        scores[k * row_stride + q] = counts != 0 ? score : -__builtin_inff();
      }
    }
  }
}
