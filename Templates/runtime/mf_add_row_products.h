// mf_add_row_products_f32, mf_add_row_products_f64
// requires: mf_library mf_sum_step_f32
// SPDX-License-Identifier: Apache-2.0
//
// sums[i] += the scalar product of row i of `a` and row i of `b`, for `rows` rows of `width`
// elements that lie `stride` elements apart in both.

MF_KERNEL static void mf_add_row_products_f32(
    const float *restrict a, const float *restrict b, int64_t stride, int64_t rows, int64_t width,
    float *restrict sums) {
  for (int64_t i = 0; i < rows; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < width; ++j) {
      sum = mf_sum_step_f32(sum, a[i * stride + j] * b[i * stride + j]);
    }
    sums[i] += sum;
  }
}
