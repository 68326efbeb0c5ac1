// mf_attention_relative_f32, mf_attention_relative_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Adds to each score of a tile what belongs to the distance of its key and query. A tile has a
// row per key and neighbouring queries along it; relative[k - q] belongs to key k and query q,
// and so the indices go down to 1 - queries.

MF_KERNEL static void mf_attention_relative_f32(
    float *restrict scores, int64_t row_stride, const float *restrict relative, int64_t keys,
    int64_t queries) {
  for (int64_t k = 0; k < keys; ++k) {
    for (int64_t q = 0; q < queries; ++q) {
      scores[k * row_stride + q] += relative[k - q];
    }
  }
}
