// mf_attention_mask_f32, mf_attention_mask_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Makes scores of pairs that do not count minus infinity, so that their probability is exactly 0.
// A tile has a row per key and neighbouring queries along it. Keys from `present` on do not exist;
// key k is seen by the queries k + shift and later (a large negative shift: by all).

MF_KERNEL static void mf_attention_mask_f32(
    float *restrict scores, int64_t row_stride, int64_t keys, int64_t present, int64_t queries,
    int64_t shift) {
  for (int64_t k = 0; k < keys; ++k) {
    const int64_t seen_from = k < present ? k + shift : queries;
    const int64_t hidden = seen_from < queries ? seen_from : queries;
    for (int64_t q = 0; q < hidden; ++q) {
      scores[k * row_stride + q] = -__builtin_inff();
    }
  }
}
