// mf_attention_tangent_end_f32, mf_attention_tangent_end_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// The end of a tile of queries: value_tan = sums - row_sums o value, row by row, and the tangent
// of the logarithm is row_sums itself.

MF_KERNEL static void mf_attention_tangent_end_f32(
    const float *restrict sums, int64_t rows, int64_t width, const float *restrict row_sums,
    const float *restrict value, float *restrict value_tan, int64_t value_stride,
    float *restrict logarithm_tan) {
  for (int64_t i = 0; i < rows; ++i) {
    const float row_sum = row_sums[i];
    logarithm_tan[i] = row_sum;
    for (int64_t j = 0; j < width; ++j) {
      const int64_t index = i * value_stride + j;
      value_tan[index] = sums[i * width + j] - row_sum * value[index];
    }
  }
}
