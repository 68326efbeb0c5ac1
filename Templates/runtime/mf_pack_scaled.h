// mf_pack_scaled_f32, mf_pack_scaled_f64
// requires: mf_library
// SPDX-License-Identifier: Apache-2.0
//
// Copies `rows` rows of `width` neighbouring elements, `source_stride` elements apart, times
// `factor` to `panel`, where rows are `panel_stride` elements apart, and fills the panel up to
// `panel_rows` rows with zeros.

MF_KERNEL static void mf_pack_scaled_f32(
    const float *restrict source, int64_t source_stride, int64_t rows, int64_t width,
    float factor, float *restrict panel, int64_t panel_stride, int64_t panel_rows) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      panel[i * panel_stride + j] = source[i * source_stride + j] * factor;
    }
  }
  for (int64_t i = rows; i < panel_rows; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      panel[i * panel_stride + j] = 0;
    }
  }
}
