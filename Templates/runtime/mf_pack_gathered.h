// mf_pack_gathered_f32, mf_pack_gathered_f64
// requires:
// SPDX-License-Identifier: Apache-2.0
//
// Copies `columns` x `depth` elements of any two strides to a dense panel:
// panel[k * columns + j] = source[k * inner_stride + j * column_stride].

static inline void mf_pack_gathered_f32(
    const float *restrict source, int64_t inner_stride, int64_t column_stride, int64_t columns,
    int64_t depth, float *restrict panel) {
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t j = 0; j < columns; ++j) {
      panel[k * columns + j] = source[k * inner_stride + j * column_stride];
    }
  }
}
