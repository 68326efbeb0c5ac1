// mf_attention_value_end_f32, mf_attention_value_end_f64
// requires: mf_library mf_log_f32
// SPDX-License-Identifier: Apache-2.0
//
// The end of a tile of queries: rows of `sums` divided by `total` are the attention's value, and
// top + log(total) is the logarithm of the sum of exponentials.

MF_KERNEL static void mf_attention_value_end_f32(
    const float *restrict sums, int64_t rows, int64_t width, const float *restrict top,
    const float *restrict total, float *restrict value, int64_t value_stride,
    float *restrict logarithm) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      value[i * value_stride + j] = sums[i * width + j] / total[i];
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    logarithm[i] = top[i] + mf_log_f32(total[i]);
  }
}
