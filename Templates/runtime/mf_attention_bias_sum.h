// mf_attention_bias_sum_f32, mf_attention_bias_sum_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Adds the adjoints of a tile of scores to those of a bias that all queries or all keys share:
// the strides say which. Each key's element gains one sum a tile. (A bias that all keys share
// changes no probability: its adjoint is 0 but for rounding.)

MF_KERNEL static void mf_attention_bias_sum_f32(
    const float *restrict adjoints, int64_t row_stride, int64_t keys, int64_t queries,
    float *restrict bias_adj, int64_t key_stride, int64_t query_stride) {
  for (int64_t k = 0; k < keys && query_stride == 0; ++k) {
    float sum = 0;
    for (int64_t q = 0; q < queries; ++q) {
      sum += adjoints[k * row_stride + q];
    }
    bias_adj[k * key_stride] += sum;
  }
  for (int64_t k = 0; k < keys && query_stride != 0; ++k) {
    for (int64_t q = 0; q < queries; ++q) {
      bias_adj[q * query_stride] += adjoints[k * row_stride + q];
    }
  }
}
