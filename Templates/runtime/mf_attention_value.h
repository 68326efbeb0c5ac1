// mf_attention_value_f32, mf_attention_value_f64
// requires: mf_library mf_exp_f32
// SPDX-License-Identifier: Apache-2.0
//
// One tile of a softmax that sees its row a tile at a time (Milakov and Gimelshein 2018): turns
// scores[key][query] into exp(score - maximum so far), and brings per query the running maximum
// `top` and sum `total` up to date. `factor` is what earlier results must be multiplied by.

MF_KERNEL static void mf_attention_value_f32(
    float *restrict scores, int64_t keys, int64_t queries, float *restrict top,
    float *restrict total, float *restrict factor) {
  for (int64_t q = 0; q < queries; ++q) {
    factor[q] = top[q];
  }
  for (int64_t k = 0; k < keys; ++k) {
    for (int64_t q = 0; q < queries; ++q) {
      const float score = scores[k * queries + q];
      top[q] = score > top[q] ? score : top[q];
    }
  }
  for (int64_t q = 0; q < queries; ++q) {
    factor[q] = mf_exp_f32(factor[q] - top[q]);
    total[q] *= factor[q];
  }
  for (int64_t k = 0; k < keys; ++k) {
    for (int64_t q = 0; q < queries; ++q) {
      const float weight = mf_exp_f32(scores[k * queries + q] - top[q]);
      scores[k * queries + q] = weight;
      total[q] += weight;
    }
  }
}
