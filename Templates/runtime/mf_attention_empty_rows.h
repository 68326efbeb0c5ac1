// mf_attention_empty_rows_f32, mf_attention_empty_rows_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Gives queries that have seen no key a maximum of 0 and a sum of 1: their value is then 0, and the
// logarithm of their sum, too, with which exp(-inf - 0) is their every probability later on.

MF_KERNEL static void mf_attention_empty_rows_f32(
    float *restrict top, float *restrict total, int64_t queries) {
  for (int64_t q = 0; q < queries; ++q) {
    const float seen = total[q];
    top[q] = seen == 0.0f ? 0.0f : top[q];
    total[q] = seen == 0.0f ? 1.0f : seen;
  }
}
