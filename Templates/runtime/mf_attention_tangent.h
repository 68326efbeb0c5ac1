// mf_attention_tangent_f32, mf_attention_tangent_f64
// requires: mf_library mf_exp_f32
// SPDX-License-Identifier: Apache-2.0
//
// One tile of attention's tangent. A row of `tile` per key holds the tangents of the scores and
// then the scores; they become P o S_tan and P = exp(S - l). row_sums[q] gains the sum of the
// first over the keys.

MF_KERNEL static void mf_attention_tangent_f32(
    float *restrict tile, int64_t keys, int64_t queries, const float *restrict l,
    float *restrict row_sums) {
  for (int64_t k = 0; k < keys; ++k) {
    float *row = tile + k * 2 * queries;
    MF_INDEPENDENT
    for (int64_t q = 0; q < queries; ++q) {
      const float p = mf_exp_f32(row[queries + q] - l[q]);
      const float weighted = p * row[q];
      row[q] = weighted;
      row[queries + q] = p;
      row_sums[q] += weighted;
    }
  }
}
