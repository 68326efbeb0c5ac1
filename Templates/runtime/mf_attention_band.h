// mf_attention_band_f32, mf_attention_band_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Makes scores of pairs outside of a band minus infinity, so that their probability is exactly 0.
// A tile has a row per key and neighbouring queries along it. Keys from `present` on do not exist;
// key k is seen by all queries if it is below `prefix`, else by those from k + shift on, of which
// there are `span`.

MF_KERNEL static void mf_attention_band_f32(
    float *restrict scores, int64_t row_stride, int64_t keys, int64_t present, int64_t queries,
    int64_t prefix, int64_t shift, int64_t span) {
  for (int64_t k = 0; k < keys; ++k) {
    const int64_t first = k >= present ? queries : k < prefix ? 0 : k + shift;
    const int64_t end = k < prefix ? queries : k + shift + span;
    float *row = scores + k * row_stride;
    const int64_t hidden = first < queries ? first : queries;
    for (int64_t q = 0; q < hidden; ++q) {
      row[q] = -__builtin_inff();
    }
    for (int64_t q = end < 0 ? 0 : end; q < queries; ++q) {
      row[q] = -__builtin_inff();
    }
  }
}
