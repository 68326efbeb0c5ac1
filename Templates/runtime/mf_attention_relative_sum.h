// mf_attention_relative_sum_f32, mf_attention_relative_sum_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Adds the adjoints of a tile of scores, a row per key, to those of the distances of keys and
// queries: relative_adj[k - q] gains the sum of the tile's diagonal, which is made in `sums`, of
// keys + queries - 1 elements.

MF_KERNEL static void mf_attention_relative_sum_f32(
    const float *restrict adjoints, int64_t row_stride, int64_t keys, int64_t queries,
    float *restrict sums, float *restrict relative_adj) {
  for (int64_t i = 0; i < keys + queries - 1; ++i) {
    sums[i] = 0;
  }
  for (int64_t k = 0; k < keys; ++k) {
    float *diagonal = sums + k + queries - 1;
    MF_INDEPENDENT
    for (int64_t q = 0; q < queries; ++q) {
      diagonal[-q] += adjoints[k * row_stride + q];
    }
  }
  for (int64_t i = 0; i < keys + queries - 1; ++i) {
    relative_adj[i + 1 - queries] += sums[i];
  }
}
