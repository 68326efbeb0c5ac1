// mf_pack_rows_f32, mf_pack_rows_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Copies `rows` rows of `width` neighbouring elements, `source_stride` elements apart, to
// `panel`, where they are `panel_stride` elements apart.

static inline void mf_pack_rows_f32(
    const float *restrict source, int64_t source_stride, int64_t rows, int64_t width,
    float *restrict panel, int64_t panel_stride) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < width; ++j) {
      panel[i * panel_stride + j] = source[i * source_stride + j];
    }
  }
}
