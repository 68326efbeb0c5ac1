// mf_scale_rows_f32, mf_scale_rows_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Multiplies each row of a dense tile of `width` columns by its own factor.

MF_KERNEL static void mf_scale_rows_f32(
    float *restrict tile, int64_t rows, int64_t width, const float *restrict factors) {
  for (int64_t i = 0; i < rows; ++i) {
    const float factor = factors[i];
    for (int64_t j = 0; j < width; ++j) {
      tile[i * width + j] *= factor;
    }
  }
}
