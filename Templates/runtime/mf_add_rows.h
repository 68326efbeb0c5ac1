// mf_add_rows_f32, mf_add_rows_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Adds the first `rows` rows of a dense tile of `width` columns to rows of `target` that are
// `target_stride` elements apart.

MF_KERNEL static void mf_add_rows_f32(
    const float *restrict tile, int64_t rows, int64_t width, float *restrict target,
    int64_t target_stride) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      target[i * target_stride + j] += tile[i * width + j];
    }
  }
}
